# SPDX-License-Identifier: Apache-2.0
"""The check `posture`: how secure the machine itself is. `items` judges, `check` asks, tells and answers."""
