#!/bin/bash
# Starts Slurm on this machine alone, to try its job arrays. For a virtual machine or container with Debian 12, as root:
#
#     apt-get install --no-install-recommends slurm-wlm munge
#     bash docs/how-to/cluster/slurm-one-node.sh
#
# It writes /etc/slurm/slurm.conf, so it refuses to run where there is one.
set -euo pipefail

if [ -e /etc/slurm/slurm.conf ]; then
    echo "error: there is a /etc/slurm/slurm.conf already" >&2
    exit 1
fi
mkdir -p /etc/slurm /run/munge /var/spool/slurmctld /var/spool/slurmd
chown munge: /run/munge
node=$(hostname -s)
cat > /etc/slurm/slurm.conf << END
ClusterName=one-node
SlurmctldHost=$node
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=5,defer
MaxArraySize=10001
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
NodeName=$node CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$node Default=YES MaxTime=INFINITE State=UP
END
getent hosts "$node" > /dev/null || echo "127.0.0.1 $node" >> /etc/hosts
runuser -u munge -- munged
slurmctld
slurmd
for _ in $(seq 30); do
    if sinfo --noheader --format=%t 2> /dev/null | grep -q idle; then
        sinfo
        exit 0
    fi
    sleep 1
done
echo "error: the node is not idle after 30 s; see /var/log/slurm*.log and sinfo" >&2
exit 1
