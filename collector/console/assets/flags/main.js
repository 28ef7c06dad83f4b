// SPDX-License-Identifier: Apache-2.0
// Starts what the page at hand needs: the list of flags, or the reader's own key.

import { startIdentity } from "./identity.js";
import { startFlags } from "./flags.js";

for (const element of document.querySelectorAll("[data-without-script]")) element.hidden = true;
for (const element of document.querySelectorAll("[data-with-script]")) element.hidden = false;
if (document.getElementById("lock")) startFlags();
if (document.getElementById("identity")) startIdentity();
