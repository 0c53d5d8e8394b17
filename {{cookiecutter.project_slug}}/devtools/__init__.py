"""Run and try the project on a laptop, without Docker. Nothing that is deployed imports this."""
