import type { FetchErrorKind } from '../metrics.ts'

/** Which faults a partition's error code is counted under. */
export function kindOf(code: number): FetchErrorKind {
  switch (code) {
    case 1: // OFFSET_OUT_OF_RANGE
      return 'out_of_range'
    case 2: // CORRUPT_MESSAGE
      return 'corrupt'
    case 3: // UNKNOWN_TOPIC_OR_PARTITION
    case 5: // LEADER_NOT_AVAILABLE
    case 6: // NOT_LEADER_OR_FOLLOWER
    case 9: // REPLICA_NOT_AVAILABLE
    case 56: // KAFKA_STORAGE_ERROR
    case 74: // FENCED_LEADER_EPOCH
    case 75: // UNKNOWN_LEADER_EPOCH
    case 78: // OFFSET_NOT_AVAILABLE
    case 100: // UNKNOWN_TOPIC_ID
    case 103: // INCONSISTENT_TOPIC_ID
      return 'leader'
    case 29: // TOPIC_AUTHORIZATION_FAILED
      return 'authorization'
    default:
      return 'other'
  }
}
