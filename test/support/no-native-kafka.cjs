// Preloaded by a test: the machine on which the native Kafka module could not be built.
const Module = require('node:module')
const load = Module._load
Module._load = function (name, ...rest) {
  if (name === 'node-rdkafka') throw new Error("Cannot find module 'node-rdkafka'")
  return load.call(this, name, ...rest)
}
