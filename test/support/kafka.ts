export { startKafkaOrSkip, type RunningKafka } from '../../bench/support/kafka.ts'
