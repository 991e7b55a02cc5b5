// SPDX-License-Identifier: MIT
/*
 * Runs the OpenGL 4.3 compute shaders of one file, without a window, and writes
 * what each left in its output:
 *
 *   gpuvm-gl --dump FOLDER FILE.comp [CASE...]
 *   gpuvm-gl --driver        who would run them
 *
 * What the output says is as gpuvm-conform's (tests/cl/conform.c).  A shader
 * finds: uint a[], b[], o[] in storage buffers 0 to 2; a[] as uniform block 3;
 * a 32 by 32 RGBA8UI image of a[] in image unit 0, an R32UI one in unit 1, which
 * follows o[] in the output if the case says out=img; a texture of a[], 32 by 32
 * RGBA32F, in unit 0; uniforms u_int, u_float, u_vec, u_mat.  need=indirect: the
 * numbers of groups come from a buffer.
 */
#define GL_GLEXT_PROTOTYPES 0
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GL/glcorearb.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "tests/cl/case.h"
#include "tests/cl/input.h"

#define LOG_LEN 2000
#define PATH_LEN 4096
#define SIDE 32 /* of every image */

#define GL_FUNCTIONS(F) \
	F(PFNGLGETSTRINGPROC, GetString) F(PFNGLGETERRORPROC, GetError) \
	F(PFNGLCREATESHADERPROC, CreateShader) F(PFNGLSHADERSOURCEPROC, ShaderSource) \
	F(PFNGLCOMPILESHADERPROC, CompileShader) F(PFNGLGETSHADERIVPROC, GetShaderiv) \
	F(PFNGLGETSHADERINFOLOGPROC, GetShaderInfoLog) F(PFNGLCREATEPROGRAMPROC, CreateProgram) \
	F(PFNGLATTACHSHADERPROC, AttachShader) F(PFNGLLINKPROGRAMPROC, LinkProgram) \
	F(PFNGLGETPROGRAMIVPROC, GetProgramiv) F(PFNGLGETPROGRAMINFOLOGPROC, GetProgramInfoLog) \
	F(PFNGLUSEPROGRAMPROC, UseProgram) F(PFNGLDELETESHADERPROC, DeleteShader) \
	F(PFNGLDELETEPROGRAMPROC, DeleteProgram) F(PFNGLGENBUFFERSPROC, GenBuffers) \
	F(PFNGLBINDBUFFERPROC, BindBuffer) F(PFNGLBUFFERDATAPROC, BufferData) \
	F(PFNGLBINDBUFFERBASEPROC, BindBufferBase) F(PFNGLGETBUFFERSUBDATAPROC, GetBufferSubData) \
	F(PFNGLDELETEBUFFERSPROC, DeleteBuffers) F(PFNGLGENTEXTURESPROC, GenTextures) \
	F(PFNGLBINDTEXTUREPROC, BindTexture) F(PFNGLTEXSTORAGE2DPROC, TexStorage2D) \
	F(PFNGLTEXSUBIMAGE2DPROC, TexSubImage2D) F(PFNGLTEXPARAMETERIPROC, TexParameteri) \
	F(PFNGLGETTEXIMAGEPROC, GetTexImage) F(PFNGLBINDIMAGETEXTUREPROC, BindImageTexture) \
	F(PFNGLDELETETEXTURESPROC, DeleteTextures) F(PFNGLDISPATCHCOMPUTEPROC, DispatchCompute) \
	F(PFNGLDISPATCHCOMPUTEINDIRECTPROC, DispatchComputeIndirect) \
	F(PFNGLMEMORYBARRIERPROC, MemoryBarrier) F(PFNGLFINISHPROC, Finish) \
	F(PFNGLGETUNIFORMLOCATIONPROC, GetUniformLocation) F(PFNGLUNIFORM1IPROC, Uniform1i) \
	F(PFNGLUNIFORM1FPROC, Uniform1f) F(PFNGLUNIFORM4FPROC, Uniform4f) \
	F(PFNGLUNIFORMMATRIX4FVPROC, UniformMatrix4fv)

#define MEMBER(type, name) type name;
struct gl {
	GL_FUNCTIONS(MEMBER)
};
enum { BUF_A, BUF_B, BUF_OUT, BUF_GROUPS, NR_BUFS };
enum { TEX_IN, TEX_OUT, TEX_FLOAT, NR_TEX };

struct runner {
	struct gl gl;
	EGLDisplay dpy;
	EGLContext ctx;
	const char *folder;
	const struct case_file *file;
	uint32_t words[CASE_BYTES / 4 + SIDE * SIDE];
	char why[LOG_LEN + 100]; /* of the case that failed; empty: none has */
};

static void fail(struct runner *r, const char *fmt, ...)
{
	va_list ap;

	if (r->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof r->why, fmt, ap);
	va_end(ap);
	for (char *p = r->why; *p; p++)
		if (*p == '\n')
			*p = ' ';
}

/* ---- EGL -------------------------------------------------------------------------- */

static bool load(struct gl *gl)
{
	bool all = true;

#define LOAD(type, name) \
	all = (gl->name = (type)(void (*)(void))eglGetProcAddress("gl" #name)) && all;
	GL_FUNCTIONS(LOAD)
	return all;
}

static bool start(struct runner *r)
{
	static const EGLint attrs[] = {
		EGL_CONTEXT_MAJOR_VERSION, 4, EGL_CONTEXT_MINOR_VERSION, 3,
		EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, EGL_NONE,
	};
	PFNEGLGETPLATFORMDISPLAYEXTPROC get =
		(PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");

	r->dpy = get ? get(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL) : EGL_NO_DISPLAY;
	if (r->dpy == EGL_NO_DISPLAY || !eglInitialize(r->dpy, NULL, NULL) || !eglBindAPI(EGL_OPENGL_API))
		return false;
	r->ctx = eglCreateContext(r->dpy, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attrs);
	return r->ctx != EGL_NO_CONTEXT &&
	       eglMakeCurrent(r->dpy, EGL_NO_SURFACE, EGL_NO_SURFACE, r->ctx) && load(&r->gl);
}

/* ---- one case ----------------------------------------------------------------------- */

static GLuint build(struct runner *r, const struct test_case *c)
{
	struct gl *gl = &r->gl;
	GLuint s = gl->CreateShader(GL_COMPUTE_SHADER), p = gl->CreateProgram();
	char head[200], log[LOG_LEN] = "";
	size_t pre;
	const char *parts[3] = { head, case_preamble(r->file, &pre), c->text };
	GLint lens[3], ok = 0;

	lens[0] = snprintf(head, sizeof head, "#version 430\nlayout(local_size_x = %zu, local_size_y = %zu, "
			   "local_size_z = %zu) in;\n#line 1\n", c->local[0], c->local[1], c->local[2]);
	lens[1] = (GLint)pre;
	lens[2] = (GLint)c->text_len;
	gl->ShaderSource(s, 3, parts, lens);
	gl->CompileShader(s);
	gl->GetShaderiv(s, GL_COMPILE_STATUS, &ok);
	if (!ok)
		gl->GetShaderInfoLog(s, sizeof log, NULL, log);
	gl->AttachShader(p, s);
	gl->DeleteShader(s);
	if (ok) {
		gl->LinkProgram(p);
		gl->GetProgramiv(p, GL_LINK_STATUS, &ok);
		if (!ok)
			gl->GetProgramInfoLog(p, sizeof log, NULL, log);
	}
	if (!ok)
		fail(r, "build error: %s", log);
	return p;
}

static void set_uniforms(struct runner *r, GLuint p)
{
	static const GLfloat mat[16] = { 1, 2, 3, 4, 0.5f, 0.25f, -1, 8, 7, -6, 5, -4, 0, 1, 0, 100 };
	struct gl *gl = &r->gl;

	gl->UseProgram(p);
	gl->Uniform1i(gl->GetUniformLocation(p, "u_int"), -12345);
	gl->Uniform1f(gl->GetUniformLocation(p, "u_float"), 1.5f);
	gl->Uniform4f(gl->GetUniformLocation(p, "u_vec"), 1, -2, 0.5f, 1024);
	gl->UniformMatrix4fv(gl->GetUniformLocation(p, "u_mat"), 1, GL_FALSE, mat);
}

static void set_buffers(struct runner *r, const struct test_case *c, GLuint *buf)
{
	struct gl *gl = &r->gl;
	GLuint groups[3];

	gl->GenBuffers(NR_BUFS, buf);
	for (int i = 0; i < BUF_GROUPS; i++) {
		const char *kind = i == BUF_A ? c->a : c->b;

		memset(r->words, 0, sizeof r->words);
		if (i != BUF_OUT && input_fill(kind, i, r->words, CASE_BYTES / 4))
			fail(r, "unknown input %s", kind);
		gl->BindBuffer(GL_SHADER_STORAGE_BUFFER, buf[i]);
		gl->BufferData(GL_SHADER_STORAGE_BUFFER, CASE_BYTES, r->words, GL_DYNAMIC_COPY);
		gl->BindBufferBase(GL_SHADER_STORAGE_BUFFER, (GLuint)i, buf[i]);
	}
	gl->BindBufferBase(GL_UNIFORM_BUFFER, 3, buf[BUF_A]);
	for (int i = 0; i < 3; i++)
		groups[i] = (GLuint)(c->global[i] / c->local[i]);
	gl->BindBuffer(GL_DISPATCH_INDIRECT_BUFFER, buf[BUF_GROUPS]);
	gl->BufferData(GL_DISPATCH_INDIRECT_BUFFER, sizeof groups, groups, GL_STATIC_DRAW);
}

/* Only for cases that ask: images are set up by other engines of the card. */
static void set_images(struct runner *r, const struct test_case *c, GLuint *tex)
{
	static const struct {
		GLenum internal, format, type;
	} kinds[NR_TEX] = {
		{ GL_RGBA8UI, GL_RGBA_INTEGER, GL_UNSIGNED_BYTE },
		{ GL_R32UI, GL_RED_INTEGER, GL_UNSIGNED_INT },
		{ GL_RGBA32F, GL_RGBA, GL_FLOAT },
	};
	struct gl *gl = &r->gl;

	gl->GenTextures(NR_TEX, tex);
	for (int i = 0; i < NR_TEX; i++) {
		memset(r->words, 0, sizeof r->words);
		if (i != TEX_OUT)
			input_fill(c->a, 0, r->words, CASE_BYTES / 4);
		gl->BindTexture(GL_TEXTURE_2D, tex[i]);
		gl->TexStorage2D(GL_TEXTURE_2D, 1, kinds[i].internal, SIDE, SIDE);
		gl->TexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, SIDE, SIDE, kinds[i].format, kinds[i].type, r->words);
		gl->TexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
		gl->TexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	}
	gl->BindImageTexture(0, tex[TEX_IN], 0, GL_FALSE, 0, GL_READ_ONLY, GL_RGBA8UI);
	gl->BindImageTexture(1, tex[TEX_OUT], 0, GL_FALSE, 0, GL_READ_WRITE, GL_R32UI);
}

static void dump(struct runner *r, const char *name, size_t len)
{
	char path[PATH_LEN];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", r->folder, name);
	f = fopen(path, "wb");
	if (!f || fwrite(r->words, 1, len, f) != len)
		fail(r, "%s: %s", path, strerror(errno));
	if (f)
		fclose(f);
}

static void go(struct runner *r, const struct test_case *c, const GLuint *buf, const GLuint *tex)
{
	struct gl *gl = &r->gl;
	size_t len = CASE_BYTES;
	GLenum e;

	if (!strcmp(c->need, "indirect"))
		gl->DispatchComputeIndirect(0);
	else
		gl->DispatchCompute((GLuint)(c->global[0] / c->local[0]), (GLuint)(c->global[1] / c->local[1]),
				    (GLuint)(c->global[2] / c->local[2]));
	gl->MemoryBarrier(GL_ALL_BARRIER_BITS);
	gl->Finish();
	gl->BindBuffer(GL_SHADER_STORAGE_BUFFER, buf[BUF_OUT]);
	gl->GetBufferSubData(GL_SHADER_STORAGE_BUFFER, 0, CASE_BYTES, r->words);
	if (!strcmp(c->out, "img")) {
		gl->BindTexture(GL_TEXTURE_2D, tex[TEX_OUT]);
		gl->GetTexImage(GL_TEXTURE_2D, 0, GL_RED_INTEGER, GL_UNSIGNED_INT, r->words + CASE_BYTES / 4);
		len += SIDE * SIDE * 4;
	}
	e = gl->GetError();
	if (e)
		fail(r, "GL error %04x", e);
	else
		dump(r, c->name, len);
}

static void run_case(struct runner *r, const struct test_case *c)
{
	GLuint buf[NR_BUFS] = { 0 }, tex[NR_TEX] = { 0 }, p = build(r, c);
	bool images = !strcmp(c->out, "img") || !strcmp(c->need, "texture");

	if (!r->why[0])
		set_uniforms(r, p);
	if (!r->why[0])
		set_buffers(r, c, buf);
	if (!r->why[0] && images)
		set_images(r, c, tex);
	/* Uniforms that a shader has not are errors of nobody. */
	while (r->gl.GetError())
		;
	if (!r->why[0])
		go(r, c, buf, tex);
	r->gl.DeleteTextures(NR_TEX, tex);
	r->gl.DeleteBuffers(NR_BUFS, buf);
	r->gl.UseProgram(0);
	r->gl.DeleteProgram(p);
}

static bool wanted(const struct test_case *c, int n, char **names)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(names[i], c->name))
			return true;
	return n == 0;
}

static void run_file(struct runner *r, int n, char **names)
{
	for (size_t i = 0; i < case_count(r->file); i++) {
		const struct test_case *c = case_at(r->file, i);

		if (!wanted(c, n, names))
			continue;
		fprintf(stderr, "# %s\n", c->name);
		printf("run %s\n", c->name);
		fflush(stdout);
		r->why[0] = '\0';
		run_case(r, c);
		if (r->why[0])
			printf("fail %s %s\n", c->name, r->why);
		else
			printf("done %s\n", c->name);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	bool ask = argc == 2 && !strcmp(argv[1], "--driver");
	struct case_file *f = NULL;
	struct runner *r;
	int code = 0;

	if (!ask && (argc < 4 || strcmp(argv[1], "--dump"))) {
		fprintf(stderr, "usage: gpuvm-gl --dump FOLDER FILE.comp [CASE...], or --driver\n");
		return 2;
	}
	r = mem_new(struct runner);
	if (!r || (!ask && case_file_open(argv[3], &f))) {
		mem_free(r);
		return 2;
	}
	r->folder = ask ? NULL : argv[2];
	r->file = f;
	if (start(r)) {
		if (ask)
			puts((const char *)r->gl.GetString(GL_RENDERER));
		else
			run_file(r, argc - 4, argv + 4);
	} else {
		fprintf(stderr, "gpuvm-gl: no OpenGL 4.3, EGL error %04x\n", eglGetError());
		code = 3;
	}
	if (r->ctx)
		eglDestroyContext(r->dpy, r->ctx);
	if (r->dpy)
		eglTerminate(r->dpy);
	case_file_free(f);
	mem_free(r);
	return code;
}
