/*
 * The parts of cuDNN 9 for machines without it: the calls that we use, handed on with their arguments in 64 bits each
 * (see standin_cuda.c), of which cudnnConvolutionBiasActivationForward has eighteen. Built once for each of the parts,
 * all of which have all calls: bindings find them by the version that each part gives to its own.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t word;
typedef int (*receiver)(const char *function, const word *arguments);

static const int CUDNN_STATUS_NOT_INITIALIZED = 1001;
static receiver connected;

void standin_connect(receiver handler) {
    connected = handler;
}

static int64_t forward(const char *function, const word *arguments) {
    return connected == NULL ? CUDNN_STATUS_NOT_INITIALIZED : connected(function, arguments);
}

#define FORWARD(function) \
    int64_t function(word a, word b, word c, word d, word e, word f, word g, word h, word i, word j, word k, word l, \
                     word m, word n, word o, word p, word q, word r) { \
        const word arguments[] = {a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r}; \
        return forward(#function, arguments); \
    }

FORWARD(cudnnConvolutionBiasActivationForward)
FORWARD(cudnnConvolutionForward)
FORWARD(cudnnCreate)
FORWARD(cudnnCreateActivationDescriptor)
FORWARD(cudnnCreateConvolutionDescriptor)
FORWARD(cudnnCreateFilterDescriptor)
FORWARD(cudnnCreateTensorDescriptor)
FORWARD(cudnnDestroy)
FORWARD(cudnnDestroyActivationDescriptor)
FORWARD(cudnnDestroyConvolutionDescriptor)
FORWARD(cudnnDestroyFilterDescriptor)
FORWARD(cudnnDestroyTensorDescriptor)
FORWARD(cudnnGetConvolutionForwardAlgorithm_v7)
FORWARD(cudnnGetConvolutionForwardWorkspaceSize)
FORWARD(cudnnGetLastErrorString)
FORWARD(cudnnGetVersion)
FORWARD(cudnnSetConvolution2dDescriptor)
FORWARD(cudnnSetConvolutionMathType)
FORWARD(cudnnSetFilter4dDescriptor)
FORWARD(cudnnSetStream)
FORWARD(cudnnSetTensor4dDescriptor)

/* A floating-point argument comes in another register than the rest. */
int64_t cudnnSetActivationDescriptor(word descriptor, word mode, word nan, double coefficient) {
    word bits;
    memcpy(&bits, &coefficient, sizeof bits);
    const word arguments[] = {descriptor, mode, nan, bits};
    return forward("cudnnSetActivationDescriptor", arguments);
}
