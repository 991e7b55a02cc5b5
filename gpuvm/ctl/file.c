// SPDX-License-Identifier: MIT
/*
 * What the commands about shader code share: input files, whole, and code offsets.
 *
 * What was read always ends with a zero that is not counted.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/ctl/ctl.h"
#include "gpuvm/fermi/sm20.h"

/* Shader code has at most a few MB; anything near this is the wrong file. */
#define FILE_MAX_BYTES (64ul << 20)

static int read_all(FILE *f, char **out, size_t *n)
{
	char *buf = NULL, *more;
	size_t room = 0, at = 0, got;

	for (;;) {
		if (room - at < 4096) {
			room = room * 2 + 8192;
			more = room > FILE_MAX_BYTES ? NULL : mem_realloc(buf, room);
			if (!more) {
				mem_free(buf);
				return room > FILE_MAX_BYTES ? -EFBIG : -ENOMEM;
			}
			buf = more;
		}
		got = fread(buf + at, 1, room - at - 1, f);
		if (!got)
			break;
		at += got;
	}
	if (ferror(f)) {
		mem_free(buf);
		return -EIO;
	}
	buf[at] = 0;
	*out = buf;
	*n = at;
	return 0;
}

int ctl_read_file(const char *path, char **out, size_t *n)
{
	bool in = !strcmp(path, "-");
	FILE *f = in ? stdin : fopen(path, "rb");
	int err;

	if (!f)
		return -errno;
	err = read_all(f, out, n);
	if (!in)
		fclose(f);
	return err;
}

bool ctl_code_offset(const char *text, uint32_t *org)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 0);

	if (!isdigit((unsigned char)*text) || *end || v > UINT32_MAX || v % SM20_INSN_BYTES)
		return false;
	*org = (uint32_t)v;
	return true;
}
