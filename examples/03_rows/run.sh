#!/usr/bin/env bash
# Runs what the build made of main.cc.
exec "$PYRALOG_BUILD_DIR/examples/03_rows"
