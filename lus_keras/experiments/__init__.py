"""Running a protocol: plan, train every fold, report; checkpoints and notebook helpers."""
