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
	pv_guest one "$1" "$2" "$(pv_step "$2" $COPY)"
	seen "$(console one)" "GUEST start" 120
	seen "$(console one)" "GUEST end" 120
	told "one reaches its end" $? "at $(up)"
	steps_right one
	sed "s/^/  one: /" "$(console one)"
	gone one
	no_grants one
	rm -f "$(console one)"
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
