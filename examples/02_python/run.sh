#!/usr/bin/env bash
# Runs shop.py with the Python of the build, or with the one that is there.
exec "${PYRALOG_PYTHON:-python3}" "$(dirname "$0")/shop.py"
