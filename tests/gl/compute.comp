// SPDX-License-Identifier: MIT
// OpenGL 4.3 compute shaders; tests/gl/compute.c says what a shader finds, tests/cl/case.h how this file is read.
layout(std430, binding = 0) readonly buffer In { uint a[]; };
layout(std430, binding = 1) readonly buffer In2 { uint b[]; };
layout(std430, binding = 2) coherent buffer Out { uint o[]; };
uint id() { return gl_GlobalInvocationID.x; }
float fa(uint i) { return uintBitsToFloat(a[i]); }
float fb(uint i) { return uintBitsToFloat(b[i]); }

//@ int_arithmetic
void main()
{
	uint i = id(), x = a[i], y = b[i];

	o[4 * i] = x + y * 3u - (x ^ y);
	o[4 * i + 1] = uint(int(x) / (int(y | 1u) == -1 ? 3 : int(y | 1u)));
	o[4 * i + 2] = x % (y | 1u);
	o[4 * i + 3] = (x << (y & 31u)) | uint(int(x) >> (y & 15u));
}

//@ int_functions
void main()
{
	uint i = id(), x = a[i], y = b[i], hi, lo, c, d;
	int shi, slo;

	umulExtended(x, y, hi, lo);
	o[8 * i] = hi;
	o[8 * i + 1] = lo;
	imulExtended(int(x), int(y), shi, slo);
	o[8 * i + 2] = uint(shi);
	o[8 * i + 3] = uaddCarry(x, y, c) ^ c;
	o[8 * i + 4] = usubBorrow(x, y, d) ^ d;
	o[8 * i + 5] = uint(bitCount(x)) | uint(findMSB(y) + 1) << 8 | uint(findLSB(x) + 1) << 16;
	o[8 * i + 6] = bitfieldReverse(x) ^ bitfieldExtract(y, 3, 11);
	o[8 * i + 7] = bitfieldInsert(x, y, 5, 13);
}

//@ float_arithmetic a=mid b=mid
void main()
{
	uint i = id();
	float x = fa(i), y = fb(i);

	o[4 * i] = floatBitsToUint(x + y);
	o[4 * i + 1] = floatBitsToUint(x * y);
	o[4 * i + 2] = floatBitsToUint(max(abs(x), -y) - min(x, y));
	o[4 * i + 3] = floatBitsToUint(floor(x) + trunc(y) + roundEven(x) * 0.5 + ceil(y));
}

//@ float_functions a=pos b=unit cmp=f32:4+0.000001
void main()
{
	uint i = id();
	float x = fa(i), y = fb(i);

	o[8 * i] = floatBitsToUint(sqrt(x));
	o[8 * i + 1] = floatBitsToUint(inversesqrt(x));
	o[8 * i + 2] = floatBitsToUint(x / (y + 1.0));
	o[8 * i + 3] = floatBitsToUint(exp2(y * 8.0));
	o[8 * i + 4] = floatBitsToUint(log2(x));
	o[8 * i + 5] = floatBitsToUint(sin(y));
	o[8 * i + 6] = floatBitsToUint(cos(y));
	o[8 * i + 7] = floatBitsToUint(mix(x, y, 0.25));
}

//@ conversions a=mid b=u32
void main()
{
	uint i = id();

	o[4 * i] = uint(int(fa(i)));
	o[4 * i + 1] = uint(abs(fa(i)));
	o[4 * i + 2] = floatBitsToUint(float(b[i]));
	o[4 * i + 3] = floatBitsToUint(float(int(b[i])));
}

//@ packing a=unit b=u32 cmp=f32:2
void main()
{
	uint i = id();
	vec2 h = unpackHalf2x16(packHalf2x16(vec2(fa(i), fa(i ^ 1u))));

	o[4 * i] = packUnorm4x8(vec4(fa(i), fa(i ^ 1u), 0.0, 1.0));
	o[4 * i + 1] = packHalf2x16(h);
	o[4 * i + 2] = floatBitsToUint(h.x);
	o[4 * i + 3] = floatBitsToUint(unpackUnorm4x8(b[i]).z);
}

//@ vectors
struct item { uvec4 v; uvec2 w; };
void main()
{
	uint i = id();
	item t = item(uvec4(a[i], a[i ^ 1u], a[i ^ 2u], a[i ^ 3u]), uvec2(b[i], b[i ^ 1u]));

	t.v = t.v.wzyx + t.w.xyxy;
	o[4 * i] = t.v.x;
	o[4 * i + 1] = t.v.y ^ t.v.z;
	o[4 * i + 2] = all(lessThan(t.v.xy, t.w)) ? 1u : 2u;
	o[4 * i + 3] = t.v[a[i] & 3u];
}

//@ shared_reverse local=128
shared uint s[128];
void main()
{
	uint l = gl_LocalInvocationIndex;

	s[l] = a[id()] ^ l;
	barrier();
	o[id()] = s[127u - l];
}

//@ shared_reduce local=256
shared uint s[256];
void main()
{
	uint l = gl_LocalInvocationIndex;

	s[l] = a[id()];
	for (uint n = 128u; n > 0u; n >>= 1) {
		barrier();
		if (l < n)
			s[l] += s[l + n];
	}
	barrier();
	o[id()] = s[0] + l;
}

//@ atomics_global
void main()
{
	uint x = a[id()];

	atomicAdd(o[0], x);
	atomicXor(o[1], x);
	atomicOr(o[2], x & b[id()]);
	atomicMax(o[3], x);
	atomicMin(o[4], x);
	atomicAdd(o[16u + (x & 63u)], 1u);
	atomicCompSwap(o[100u + (id() & 255u)], 0u, 77u);
}

//@ atomics_shared local=64
shared uint s[4];
void main()
{
	uint l = gl_LocalInvocationIndex;

	if (l < 4u)
		s[l] = 0u;
	barrier();
	atomicAdd(s[0], a[id()]);
	atomicMax(s[1], b[id()]);
	atomicXor(s[2], a[id()]);
	atomicAdd(s[3], 1u);
	barrier();
	o[id()] = s[l & 3u] + l;
}

//@ divergence
void main()
{
	uint i = id(), x = a[i] & 63u, r = 0u;

	for (uint k = 0u; k < x; k++) {
		if ((k & 3u) == (i & 3u))
			continue;
		if (k * 7u > b[i] % 400u)
			break;
		switch (k % 3u) {
		case 0u: r += k; break;
		case 1u: r ^= k << 4; break;
		default: r = r * 5u + 1u; break;
		}
	}
	o[i] = r;
}

//@ uniforms a=mid b=mid
uniform int u_int;
uniform float u_float;
uniform vec4 u_vec;
uniform mat4 u_mat;
void main()
{
	uint i = id();
	vec4 v = u_mat[i & 3u] * u_float + u_vec;

	o[4 * i] = uint(u_int) + i;
	o[4 * i + 1] = floatBitsToUint(v.x);
	o[4 * i + 2] = floatBitsToUint(v.y * fa(i));
	o[4 * i + 3] = floatBitsToUint(v[i & 3u]);
}

//@ uniform_block
layout(std140, binding = 3) uniform Block { uvec4 v[1024]; };
void main()
{
	uint i = id();

	o[i] = v[i & 1023u].y + v[(i * 7u) & 1023u][i & 3u];
}

//@ ids_3d global=16x8x12 local=4x2x3
void main()
{
	uvec3 g = gl_GlobalInvocationID, n = gl_NumWorkGroups * gl_WorkGroupSize;
	uint i = g.x + n.x * (g.y + n.y * g.z);

	o[2 * i] = g.x | g.y << 8 | g.z << 16 | gl_LocalInvocationIndex << 24;
	o[2 * i + 1] = gl_WorkGroupID.x | gl_WorkGroupID.y << 8 | gl_WorkGroupID.z << 16 | gl_LocalInvocationID.z << 24;
}

//@ indirect need=indirect global=512x2 local=64
void main()
{
	uint i = gl_GlobalInvocationID.x + gl_GlobalInvocationID.y * 512u;

	o[i] = a[i] + gl_NumWorkGroups.x * 1000u + gl_NumWorkGroups.y;
}

//@ private_array
void main()
{
	uint t[16], i = id();

	for (uint k = 0u; k < 16u; k++)
		t[k] = a[i] + k * b[i];
	for (uint k = 0u; k < 16u; k++)
		t[(a[i] >> k) & 15u] ^= t[k];
	o[i] = t[b[i] & 15u];
}

//@ out_of_bounds
void main()
{
	uint i = id();

	o[i] = a[i];
	o[i + 0x10000000u] = 5u;
	o[i] += a[i + 0x8000u * 16u];
}

//@ image_load_store out=img global=32x32 local=8x8
layout(rgba8ui, binding = 0) readonly uniform uimage2D src;
layout(r32ui, binding = 1) uniform uimage2D dst;
void main()
{
	ivec2 p = ivec2(gl_GlobalInvocationID.xy);
	uvec4 v = imageLoad(src, p);

	imageStore(dst, ivec2(31) - p, uvec4(v.x + v.y * 256u + v.z * 65536u + v.w * 16777216u));
}

//@ image_atomic out=img global=32x32 local=8x8
layout(r32ui, binding = 1) uniform uimage2D dst;
void main()
{
	ivec2 p = ivec2(gl_GlobalInvocationID.xy);

	imageAtomicAdd(dst, p / 4, a[p.x + 32 * p.y] & 0xffffu);
}

//@ texel_fetch need=texture a=mid global=32x32 local=8x8
layout(binding = 0) uniform sampler2D t;
void main()
{
	uvec2 p = gl_GlobalInvocationID.xy;
	vec4 v = texelFetch(t, ivec2(p), 0);
	uint i = p.x + 32u * p.y;

	o[4 * i] = floatBitsToUint(v.x);
	o[4 * i + 1] = floatBitsToUint(v.y);
	o[4 * i + 2] = floatBitsToUint(v.z + v.w);
	o[4 * i + 3] = uint(textureSize(t, 0).x);
}

//@ texture_nearest need=texture a=mid global=32x32 local=8x8
layout(binding = 0) uniform sampler2D t;
void main()
{
	uvec2 p = gl_GlobalInvocationID.xy;
	vec4 v = textureLod(t, (vec2(p.yx) + 0.5) / 32.0, 0.0);
	uint i = p.x + 32u * p.y;

	o[2 * i] = floatBitsToUint(v.x);
	o[2 * i + 1] = floatBitsToUint(v.w);
}
