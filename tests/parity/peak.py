"""Runs a command, and says the most memory that it held."""

import resource
import subprocess
import sys

code = subprocess.run(sys.argv[1:], check=False).returncode
print(f"ours: peak {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB")
sys.exit(code)
