"""A project of one service and two queues, without a web framework: what the library's tests run on real brokers."""
