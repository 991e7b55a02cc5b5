// SPDX-License-Identifier: MIT
/*
 * Copies between the program's memory and ours.  The kernel moves them
 * (process_vm_readv on ourselves), so that a pointer into nowhere is -EFAULT
 * and not a signal.  Where a sandbox forbids that call, plain copies.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pv-driver/drm/nvdrm.h"

int nvdrm_copy_in(void *to, uint64_t from, size_t len)
{
	struct iovec l = { to, len }, r = { (void *)(uintptr_t)from, len };
	ssize_t n;

	if (!len)
		return 0;
	n = process_vm_readv(getpid(), &l, 1, &r, 1, 0);
	if (n < 0 && errno != EFAULT) {
		memcpy(to, (const void *)(uintptr_t)from, len);
		return 0;
	}
	return n == (ssize_t)len ? 0 : -EFAULT;
}

int nvdrm_copy_out(uint64_t to, const void *from, size_t len)
{
	struct iovec l = { (void *)(uintptr_t)from, len }, r = { (void *)(uintptr_t)to, len };
	ssize_t n;

	if (!len)
		return 0;
	n = process_vm_writev(getpid(), &l, 1, &r, 1, 0);
	if (n < 0 && errno != EFAULT) {
		memcpy((void *)(uintptr_t)to, from, len);
		return 0;
	}
	return n == (ssize_t)len ? 0 : -EFAULT;
}
