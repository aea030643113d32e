"""CloudWatch: LocalStack's, with what it answers otherwise than the vendor put right."""
