// SPDX-License-Identifier: MIT
#include "gpuvm/fermi/fault.h"

#include <stddef.h>

static const char *const unit_name[NR_FAULT_UNITS] = {
	[FAULT_UNIT_PGRAPH] = "PGRAPH", [FAULT_UNIT_PEEPHOLE] = "PEEPHOLE",
	[FAULT_UNIT_BAR1] = "BAR1",	[FAULT_UNIT_BAR3] = "BAR3",
	[FAULT_UNIT_PBDMA0] = "PBDMA0", [FAULT_UNIT_PBDMA1] = "PBDMA1",
	[FAULT_UNIT_PBDMA2] = "PBDMA2", [FAULT_UNIT_MSVLD] = "MSVLD",
	[FAULT_UNIT_MSPPP] = "MSPPP",	[FAULT_UNIT_MSPDEC] = "MSPDEC",
	[FAULT_UNIT_CE0] = "CE0",	[FAULT_UNIT_CE1] = "CE1",
	[FAULT_UNIT_PMU] = "PMU",
};

static const char *const reason_name[16] = {
	[FAULT_PT_NOT_PRESENT] = "PT_NOT_PRESENT",
	[FAULT_PT_TOO_SHORT] = "PT_TOO_SHORT",
	[FAULT_PAGE_NOT_PRESENT] = "PAGE_NOT_PRESENT",
	[FAULT_VM_LIMIT] = "VM_LIMIT_EXCEEDED",
	[FAULT_NO_CHANNEL] = "NO_CHANNEL",
	[FAULT_PRIVILEGED] = "PAGE_PRIVILEGED",
	[FAULT_READ_ONLY] = "PAGE_READ_ONLY",
	[FAULT_COMPRESSED_SYSRAM] = "COMPRESSED_SYSRAM",
	[FAULT_BAD_KIND] = "BAD_STORAGE_KIND",
};

const char *fault_unit_name(uint32_t unit)
{
	return unit < NR_FAULT_UNITS && unit_name[unit] ? unit_name[unit] : "UNK";
}

const char *fault_reason_name(uint32_t reason)
{
	return reason < 16 && reason_name[reason] ? reason_name[reason] : "UNK";
}
