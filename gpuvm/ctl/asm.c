// SPDX-License-Identifier: MIT
/*
 * gpuvm asm: text as shader code.
 *
 * Nothing is written unless the whole text assembles.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/ctl/ctl.h"
#include "gpuvm/fermi/sm20.h"

struct assembly {
	const char *path, *out;
	bool hex;
	uint32_t org;
};

static int options(int argc, char **argv, struct assembly *a)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--hex"))
			a->hex = true;
		else if (!strcmp(argv[i], "-o") && i + 1 < argc)
			a->out = argv[++i];
		else if (!strcmp(argv[i], "--org") && i + 1 < argc &&
			 ctl_code_offset(argv[i + 1], &a->org))
			i++;
		else if (!strcmp(argv[i], "--org"))
			return ctl_bad("asm: --org needs a multiple of %d", SM20_INSN_BYTES);
		else if (argv[i][0] == '-' && argv[i][1])
			return ctl_bad("asm: %s: no such option, or it lacks a value", argv[i]);
		else if (a->path)
			return ctl_bad("asm: %s: one file is enough", argv[i]);
		else
			a->path = argv[i];
	}
	if (!a->path || !a->out)
		return ctl_bad("asm: a file and -o OUT are needed; see gpuvm --help");
	return 0;
}

static int words_write(const struct assembly *a, const uint64_t *words, size_t n)
{
	bool to_stdout = !strcmp(a->out, "-");
	FILE *f = to_stdout ? stdout : fopen(a->out, "wb");
	bool bad;

	if (!f)
		return -errno;
	for (size_t i = 0; i < n; i++) {
		if (a->hex)
			fprintf(f, "%016" PRIx64 "\n", words[i]);
		else
			for (unsigned int b = 0; b < SM20_INSN_BYTES; b++)
				fputc((int)(words[i] >> 8 * b & 0xff), f);
	}
	bad = fflush(f) || ferror(f);
	if (!to_stdout)
		bad |= fclose(f) != 0;
	return bad ? -EIO : 0;
}

/* No line gives more than one word. */
static size_t words_at_most(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

int cmd_asm(int argc, char **argv)
{
	struct assembly a = { .path = NULL };
	int code = options(argc, argv, &a), err;
	uint64_t *words;
	char *text, msg[256];
	size_t n;

	if (code)
		return code;
	err = ctl_read_file(a.path, &text, &n);
	if (err)
		return ctl_failed("%s: %s", a.path, strerror(-err));
	n = words_at_most(text);
	words = mem_calloc(n, sizeof(*words));
	err = words ? sm20_assemble(text, a.org, words, &n, msg, sizeof(msg)) : -ENOMEM;
	if (!words || err == -ENOMEM) {
		code = ctl_failed("%s: no memory", a.path);
	} else if (err) {
		code = ctl_bad("%s: %s", a.path, msg);
	} else {
		err = words_write(&a, words, n);
		if (err)
			code = ctl_failed("%s: %s", a.out, strerror(-err));
	}
	mem_free(words);
	mem_free(text);
	return code;
}
