-- Which topic the rows of `samples` are of. A topic that is deleted and made again keeps its name, but not its id, and
-- its offsets begin again: its rows are stored under a name of their own, so that neither positions nor samples of the
-- two are taken for one another. The first topic of a name is stored under that name.
CREATE TABLE topics
(
    topic String,
    id String,
    stored_as String,
    since DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, id);
