/** What was asked for is wrong; the message is a sentence that says what to do. Commands end with the exit code for wrong input. */
export class WrongInput extends Error {}
