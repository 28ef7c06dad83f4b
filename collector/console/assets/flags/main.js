// SPDX-License-Identifier: Apache-2.0
// Starts what the page at hand needs: the list of flags, or the reader's own key.

import { startIdentity } from "./identity.js";
import { startFlags } from "./flags.js";

if (document.getElementById("lock")) startFlags();
if (document.getElementById("identity")) startIdentity();
