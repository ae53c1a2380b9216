#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# soak.sh: many migrations of one guest between the two emulated hosts, back
# and forth, with the guest verifying its data after each (case-soak.sh).
#
#   SOAK_COUNT     migrations (default 50)
#   SOAK_SECONDS   no new one begins later (default 1800)
#
# Needs what run.sh needs, and ends as it does.
export XL_DEDUP_CASE_LIMIT=$((${SOAK_SECONDS:-1800} + 1800))
exec bash "$(dirname "$0")/run.sh" soak
