// One update of all parameters in flat buffers: square_sums of the gradients, prepare_update, adam_step. Sums are
// added in a fixed order. The step's numbers are on the card, so that a captured graph reads them anew.
#include "src/core/cuda/kernels/element.cuh"
#include "src/train/cuda/kernels/adam_arguments.cuh"

// The sum over a block, in its first thread.
DEVICE double block_sum(double x) {
  __shared__ double sums[kThreads];
  sums[threadIdx.x] = x;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if ((int)threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  return sums[0];
}

// sums [blocks]: of the squares of gradient [count].
template <class T>
DEVICE void squares_of(const T* gradient, long long count, int packed, long long blocks,
                       double* sums) {
  double sum = 0;
  const long long stride = 4 * kThreads * blocks;
  const long long first = 4 * ((long long)blockIdx.x * kThreads + threadIdx.x);
  UNROLL(4)
  for (long long at = first; at < count; at += stride) {
    float squares = 0;
    if (packed && at + 4 <= count) {
      const Four g = four(gradient, at);
      for (int i = 0; i < 4; ++i) squares += g.at[i] * g.at[i];
    } else {
      for (long long i = at; i < at + 4 && i < count; ++i)
        squares += widen(gradient[i]) * widen(gradient[i]);
    }
    sum += squares;
  }
  const double total = block_sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

KERNEL void __launch_bounds__(kThreads) square_sums(const Element* gradient, long long count,
                                                    int packed, long long blocks, double* sums) {
  squares_of(gradient, count, packed, blocks, sums);
}
KERNEL void __launch_bounds__(kThreads)
    square_sums_float(const float* gradient, long long count, int packed, long long blocks,
                      double* sums) {
  squares_of(gradient, count, packed, blocks, sums);
}

// One block. sums [count] of square_sums -> the norm, whether the update is skipped, the factors of adam_step;
// counts the update unless it is skipped.
KERNEL void __launch_bounds__(kThreads)
    prepare_update(const double* sums, long long count, AdamConstants constants,
                   AdamScalars scalars, AdamFactors* factors) {
  double mine = 0;
  for (long long at = threadIdx.x; at < count; at += kThreads) mine += sums[at];
  const double total = block_sum(mine);
  if (threadIdx.x != 0) return;
  const double scale = scalars.loss_scale ? *scalars.loss_scale : 1.0, norm = sqrt(total) / scale;
  const bool finite = total - total == 0;
  const float updates = *scalars.count + (finite ? 1.0f : 0.0f);
  const double rate = *scalars.learning_rate, limited = constants.clip / (norm + 1e-6);
  *scalars.count = updates;
  *scalars.norm = (float)norm;
  *scalars.found_inf = finite ? 0.0f : 1.0f;
  factors->gradient = (float)((constants.clip > 0 && limited < 1 ? limited : 1.0) / scale);
  factors->step = (float)(rate / (1 - pow(constants.beta1, (double)updates)));
  factors->root = (float)sqrt(1 - pow(constants.beta2, (double)updates));
  factors->eps = (float)constants.eps;
  factors->penalty = constants.decoupled ? 0.0f : (float)constants.weight_decay;
  factors->shrink = constants.decoupled ? (float)(1 - rate * constants.weight_decay) : 1.0f;
  factors->first = (float)(1 - constants.beta1);
  factors->second = (float)constants.beta2;
  factors->square = (float)(1 - constants.beta2);
  factors->average = (float)(1 - *scalars.average_decay);
  factors->skipped = finite ? 0.0f : 1.0f;
}

// One number's state.
struct Moments {
  float parameter, first, second;
};

// Adam [Kingma15] or AdamW [Loshchilov19], as LibTorch's fused kernels.
DEVICE Moments adam(Moments s, float gradient, const AdamFactors& f) {
  const float g = gradient * f.gradient + s.parameter * f.penalty;
  s.first += f.first * (g - s.first);
  s.second = f.second * s.second + f.square * g * g;
  s.parameter = s.parameter * f.shrink - f.step * (s.first / (sqrtf(s.second) / f.root + f.eps));
  return s;
}

// average + weight (parameter - average), exact at weight 1.
DEVICE float towards(float average, float parameter, float weight) {
  const float apart = parameter - average;
  return weight < 0.5f ? average + weight * apart : parameter - apart * (1.0f - weight);
}

template <class T>
DEVICE void update_four(const AdamBuffers& b, const AdamFactors& f, long long at) {
  const Four gradient = four((const T*)b.gradient, at);
  Four parameter = four(b.parameter, at), first = four(b.first_moment, at),
       second = four(b.second_moment, at);
  if (f.skipped == 0.0f) {
    for (int i = 0; i < 4; ++i) {
      const Moments s = adam({parameter.at[i], first.at[i], second.at[i]}, gradient.at[i], f);
      parameter.at[i] = s.parameter;
      first.at[i] = s.first;
      second.at[i] = s.second;
    }
    put_four(b.parameter, at, parameter);
    put_four(b.first_moment, at, first);
    put_four(b.second_moment, at, second);
  }
  if (b.average) {
    Four average = four(b.average, at);
    for (int i = 0; i < 4; ++i) average.at[i] = towards(average.at[i], parameter.at[i], f.average);
    put_four(b.average, at, average);
  }
  if (b.low) put_four((Element*)b.low, at, parameter);
}

template <class T>
DEVICE void update_one(const AdamBuffers& b, const AdamFactors& f, long long at) {
  Moments s{b.parameter[at], b.first_moment[at], b.second_moment[at]};
  if (f.skipped == 0.0f) {
    s = adam(s, widen(((const T*)b.gradient)[at]), f);
    b.parameter[at] = s.parameter;
    b.first_moment[at] = s.first;
    b.second_moment[at] = s.second;
  }
  if (b.average) b.average[at] = towards(b.average[at], s.parameter, f.average);
  if (b.low) ((Element*)b.low)[at] = narrow(s.parameter);
}

template <class T>
DEVICE void update(const AdamBuffers& b, const AdamFactors* factors) {
  const AdamFactors f = *factors;
  const long long first = 4 * ((long long)blockIdx.x * kThreads + threadIdx.x);
  if (b.packed && first + 4 <= b.count) return update_four<T>(b, f, first);
  for (long long at = first; at < first + 4 && at < b.count; ++at) update_one<T>(b, f, at);
}

// A thread four numbers. Gradients are Element, or float.
KERNEL void __launch_bounds__(kThreads) adam_step(AdamBuffers buffers, const AdamFactors* factors) {
  update<Element>(buffers, factors);
}
KERNEL void __launch_bounds__(kThreads)
    adam_step_float(AdamBuffers buffers, const AdamFactors* factors) {
  update<float>(buffers, factors);
}
