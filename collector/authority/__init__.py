# SPDX-License-Identifier: Apache-2.0
"""The collector's own certificate authorities: what they sign, and the folder that they are kept in.

One CA issues; after a rotation devices still trust the former ones, whose keys are gone. Which device may have a
certificate is decided by `enrolment`, what devices are told to trust by `trusts`.
"""

from collector.authority.folder import AuthorityFolder as AuthorityFolder
from collector.authority.folder import load_authorities as load_authorities
from collector.authority.folder import load_authority as load_authority
from collector.authority.folder import make_authority as make_authority
from collector.authority.folder import retire_authority as retire_authority
from collector.authority.folder import rotate_authority as rotate_authority
from collector.authority.issuing import Authorities as Authorities
from collector.authority.issuing import Authority as Authority
from collector.authority.issuing import find_device_in_uri as find_device_in_uri
from collector.authority.issuing import issue_console_certificate as issue_console_certificate
from collector.authority.issuing import issue_device_certificate as issue_device_certificate
from collector.authority.issuing import issue_listener_certificate as issue_listener_certificate
from collector.authority.issuing import to_uri as to_uri
