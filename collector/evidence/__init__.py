# SPDX-License-Identifier: Apache-2.0
"""Evidence for outside: one incident or one flag as a file that anybody can check without us.

`case` says what is asked about and who may have it, `chains` takes what devices signed from the ledger, `dossier` puts
the file together, `archive` writes it in the one form that it can have. It is checked by `collector.verifier`, which
knows nothing of all this.
"""
