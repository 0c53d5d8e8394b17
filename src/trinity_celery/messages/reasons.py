"""Why a task, or a message that never became one, is a dead letter."""

FAILED = "failed"
PAYLOAD = "payload"
KEY_REUSED = "key reused"
TIME_LIMIT = "time limit"
CRASH_LIMIT = "crash limit"
UNKNOWN_TASK = "unknown task"
UNDECODABLE = "undecodable"
GARBAGE = "garbage"
REJECTED = "rejected"
REASONS = (FAILED, PAYLOAD, KEY_REUSED, TIME_LIMIT, CRASH_LIMIT, UNKNOWN_TASK, UNDECODABLE, GARBAGE, REJECTED)
