#!/usr/bin/env bash
# Cuts the font of the charts out of DejaVu Sans 2.37 (Debian: fonts-dejavu-core) with fonttools from PyPI.
# usage: make.sh [DejaVuSans.ttf]
set -euo pipefail
cd "$(dirname "$0")"
from="${1:-/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf}"
# Latin, Greek and Cyrillic letters that names are written in, punctuation, arrows, signs of comparison, the box of a missing sign.
pyftsubset "$from" --output-file=charts.ttf --no-hinting --desubroutinize --layout-features=kern --notdef-outline \
    --name-IDs=0,1,2,3,4,5,6,13,14 --no-recalc-timestamp \
    --unicodes=U+20-7E,U+A0-17F,U+391-3C9,U+410-44F,U+2010-2015,U+2018-201E,U+2026,U+2030,U+2190-2193,U+2212,U+2248,U+2260,U+2264-2265,U+25A1,U+FFFD
