"""How the study is measured: method, data, both implementations, runner, evidence and report."""
