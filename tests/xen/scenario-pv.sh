# SPDX-License-Identifier: MIT
#
# Sourced in dom0 (scenarios.sh): guests that reach the GPU by grants and event channels.

# A program of a guest by the PV transport, as a step.
pv_step() { echo "gpuvm-guest:run:--mode:$1:--ram:16M:--:$2"; }

# pv_guest NAME TYPE MODE STEPS
pv_guest()
{
	domain "$1" "$2" "$4"
	gpu attach "$1" --mode "$3" --vram 64M
	told "attach $1, $2, $3" $?
	xl unpause "$1"
}

# No domain has granted anything, in Xen's own tables: a line for each page that is still mapped,
# below the heading of the domain that granted it.
no_grants()
{
	xl dmesg -c >/dev/null
	xl debug-keys g
	xl dmesg -c >/tmp/grants
	! grep -q '^(XEN) \[' /tmp/grants || grep -v '^(XEN) \[ref\]' /tmp/grants | grep '^(XEN) \[' >/tmp/mapped
	! [ -s /tmp/mapped ]
	told "no page of $1 is mapped" $? "$(grep -c 'no active grant table entries' /tmp/grants) tables are empty"
	rm -f /tmp/mapped
}

# pv_one TYPE MODE: a guest's whole life
pv_one()
{
	rm -f "$(console one)"
	pv_guest one "$1" "$2" "$(pv_step "${2%%,*}" $COPY)"
	seen "$(console one)" "GUEST end" 240
	told "one reaches its end" $? "at $(up)"
	steps_right one
	sed "s/^/  one: /" "$(console one)"
	gone one
	no_grants one
}

hp_pv()
{
	pv_one pvh hp-pv
	pv_one pv hp-pv
}

naive_pv()
{
	pv_one pvh naive-pv,multicall
	pv_one pv naive-pv
}

# Three guests in three modes at once.
modes()
{
	domain full pvh $COPY
	gpu attach full --vram 64M
	told "attach full, pvh, full" $?
	domain naive pvh "$(pv_step naive-pv $COPY:--repeat:2)"
	gpu attach naive --mode naive-pv,multicall --vram 64M
	told "attach naive, pvh, naive-pv" $?
	domain hp pv "$(pv_step hp-pv $COPY:--repeat:2)"
	gpu attach hp --mode hp-pv --vram 64M
	told "attach hp, pv, hp-pv" $?
	for g in full naive hp; do xl unpause $g; done
	seen "$(console naive)" "GUEST start" 200
	audit "with three modes"
	gpu list | sed 's/^/  list: /'
	for g in naive hp full; do
		seen "$(console $g)" "GUEST end" 400
		told "$g reaches its end" $? "at $(up)"
		steps_right $g
		sed "s/^/  $g: /" "$(console $g)"
		gone $g
	done
	no_grants "the three"
}

# A PV guest that is destroyed in the middle of its submissions, beside one that is not.
destroyed_pv()
{
	pv_guest one pv hp-pv "$(pv_step hp-pv $COPY:--repeat:100000)"
	pv_guest two pv hp-pv "$(pv_step hp-pv $COPY:--repeat:4)"
	seen "$(console two)" "GUEST start" 120
	i=0
	while [ $i -lt 60 ] && [ "$(value one submissions)" -lt 20 ]; do
		sleep 1
		i=$((i + 1))
	done
	told "one works" $([ $i -lt 60 ]; echo $?) "$(value one submissions) submissions"
	xl destroy one
	gone one
	seen "$(console two)" "GUEST end" 200
	told "two reaches its end" $? "at $(up)"
	steps_right two
	gone two
	no_grants "both"
	gpu list >/tmp/list
	! grep -q "^one\|^two" /tmp/list
	told "no vGPU is left" $? "$(wc -l </tmp/list) lines"
}

# The daemon is killed under a guest that works and before one that wants to, and started again.
restart_pv()
{
	pv_guest one pv hp-pv "$(pv_step hp-pv $COPY:--repeat:20 | sed 's/run:/run:--retry:3:--wait:300s:/')"
	pv_guest two pv naive-pv "sleep:20,$(pv_step naive-pv $COPY | sed 's/run:/run:--wait:300s:/')"
	seen "$(console one)" "GUEST start" 120
	i=0
	while [ $i -lt 60 ] && [ "$(value one submissions)" -lt 20 ]; do
		sleep 1
		i=$((i + 1))
	done
	told "one works" $([ $i -lt 60 ]; echo $?) "$(value one submissions) submissions"
	kill -9 $daemon_pid
	wait $daemon_pid
	seen "$(console one)" "went away under" 60
	told "one is told" $? "$(grep 'went away' "$(console one)")"
	no_grants "a killed daemon's guests"
	seen "$(console two)" "GUEST start gpuvm-guest" 60
	told "two waits for a daemon" $? "at $(up)"
	daemon
	told "another daemon" $? "$(grep -c 'attached again' /tmp/gpuvmd.log) guests found"
	for g in one two; do
		seen "$(console $g)" "GUEST end" 300
		told "$g reaches its end" $? "at $(up)"
		steps_right $g
		sed "s/^/  $g: /" "$(console $g)"
		gone $g
	done
	no_grants "both"
}
