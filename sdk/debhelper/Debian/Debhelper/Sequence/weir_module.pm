# SPDX-License-Identifier: Apache-2.0
# The addon weir-module of debhelper: dh --with weir-module, or Build-Depends: dh-sequence-weir-module.
use strict;
use warnings;
use Debian::Debhelper::Dh_Lib;

insert_before('dh_gencontrol', 'dh_weir_module');

1;
