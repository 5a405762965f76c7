"""The data sets, one file each; `asl_lib.data.registry` finds them."""
