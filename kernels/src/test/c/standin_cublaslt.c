/*
 * libcublasLt.so.13 for machines without one: the calls that we use, handed on with their arguments in 64 bits each (see
 * standin_cuda.c), of which cublasLtMatmul has sixteen.
 */
#include <stddef.h>
#include <stdint.h>

typedef uint64_t word;
typedef int (*receiver)(const char *function, const word *arguments);

static const int CUBLAS_STATUS_NOT_INITIALIZED = 1;
static receiver connected;

void standin_connect(receiver handler) {
    connected = handler;
}

static int64_t forward(const char *function, const word *arguments) {
    return connected == NULL ? CUBLAS_STATUS_NOT_INITIALIZED : connected(function, arguments);
}

#define FORWARD(function) \
    int64_t function(word a, word b, word c, word d, word e, word f, word g, word h, word i, word j, word k, word l, \
                     word m, word n, word o, word p) { \
        const word arguments[] = {a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p}; \
        return forward(#function, arguments); \
    }

FORWARD(cublasLtCreate)
FORWARD(cublasLtDestroy)
FORWARD(cublasLtGetVersion)
FORWARD(cublasLtMatmul)
FORWARD(cublasLtMatmulAlgoGetHeuristic)
FORWARD(cublasLtMatmulDescCreate)
FORWARD(cublasLtMatmulDescDestroy)
FORWARD(cublasLtMatmulDescSetAttribute)
FORWARD(cublasLtMatmulPreferenceCreate)
FORWARD(cublasLtMatmulPreferenceDestroy)
FORWARD(cublasLtMatmulPreferenceSetAttribute)
FORWARD(cublasLtMatrixLayoutCreate)
FORWARD(cublasLtMatrixLayoutDestroy)
