/* The lecture's training step by hand, for every mini-batch of an epoch: feed forward, backpropagate, update.

   N_IN-N_HIDDEN-N_OUT neurons, sigmoid, quadratic cost averaged over the S examples of a mini-batch, SGD.
   The compiler is told the four numbers (-DN_IN=784 ...).  Arrays are in C order, shapes as declared below. */

#include <math.h>

/* The loop over the examples is written out, so that the loop around it is what becomes vectors. */
#define BLOCK 2  /* divides N_HIDDEN */
#define UNROLL _Pragma("GCC unroll 16")

static inline float sigmoid(float z) { return 1.0f / (1.0f + expf(-z)); }

void epoch(long steps, float eta,
           const float (*restrict xs)[S][N_IN], const float (*restrict ys)[S][N_OUT],
           float (*restrict w2)[N_IN], float *restrict b2,
           float (*restrict w3)[N_HIDDEN], float *restrict b3,
           float *restrict costs) {
    float a2[S][N_HIDDEN], delta2[S][N_HIDDEN], delta3[S][N_OUT];
    const float rate = eta / S;

    for (long t = 0; t < steps; t++) {
        const float (*x)[N_IN] = xs[t];
        const float (*y)[N_OUT] = ys[t];

        /* z2 = w2 x: what is read of the examples serves BLOCK neurons, what is read of the weights all examples */
        float z2[N_HIDDEN][S];
        for (int j = 0; j < N_HIDDEN; j += BLOCK) {
            float z[BLOCK][S] = {{0}};
            for (int k = 0; k < N_IN; k++)
                UNROLL for (int s = 0; s < S; s++)
                    UNROLL for (int i = 0; i < BLOCK; i++) z[i][s] += w2[j + i][k] * x[s][k];
            for (int i = 0; i < BLOCK; i++)
                for (int s = 0; s < S; s++) z2[j + i][s] = z[i][s] + b2[j + i];
        }

        /* a2 = sigmoid(z2) */
        for (int j = 0; j < N_HIDDEN; j++)
            for (int s = 0; s < S; s++) a2[s][j] = sigmoid(z2[j][s]);

        /* a3 = sigmoid(w3 a2 + b3), the cost, and BP1: delta3 = (a3 - y) sigma'(z3) */
        float cost = 0.0f;
        for (int s = 0; s < S; s++)
            for (int j = 0; j < N_OUT; j++) {
                float z = b3[j];
                for (int k = 0; k < N_HIDDEN; k++) z += w3[j][k] * a2[s][k];
                const float a = sigmoid(z), error = a - y[s][j];
                cost += error * error;
                delta3[s][j] = error * a * (1.0f - a);
            }
        costs[t] = cost * (0.5f / S);

        /* BP2: delta2 = w3^T delta3 sigma'(z2) */
        for (int s = 0; s < S; s++) {
            for (int k = 0; k < N_HIDDEN; k++) delta2[s][k] = 0.0f;
            for (int j = 0; j < N_OUT; j++)
                for (int k = 0; k < N_HIDDEN; k++) delta2[s][k] += w3[j][k] * delta3[s][j];
            for (int k = 0; k < N_HIDDEN; k++) delta2[s][k] *= a2[s][k] * (1.0f - a2[s][k]);
        }

        /* BP3, BP4 and the update in one: no gradient is ever stored */
        for (int j = 0; j < N_OUT; j++)
            for (int s = 0; s < S; s++) {
                const float d = rate * delta3[s][j];
                b3[j] -= d;
                for (int k = 0; k < N_HIDDEN; k++) w3[j][k] -= d * a2[s][k];
            }
        for (int j = 0; j < N_HIDDEN; j++) {
            float d[S], sum = 0.0f;
            for (int s = 0; s < S; s++) sum += d[s] = rate * delta2[s][j];
            b2[j] -= sum;
            for (int k = 0; k < N_IN; k++) {
                float g = 0.0f;
                UNROLL for (int s = 0; s < S; s++) g += d[s] * x[s][k];
                w2[j][k] -= g;
            }
        }
    }
}
