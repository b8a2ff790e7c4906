# Builds data sets as jobs on a cluster, before the workflow of figures is planned.
#
# What cannot be built there, as nodes may have no network, is tried by the call itself, which notes the reason.
import sys


rule dataset:
    output:
        touch("results/.built/{dataset}"),
    threads: 16
    message:
        "building {wildcards.dataset}"
    shell:
        f"OMP_NUM_THREADS=1 {sys.executable} -m hybrid dataset {{wildcards.dataset}} --jobs {{threads}} || [ $? = 2 ]"
