// The arguments of the optimiser's kernels, for them and for the code that launches them.
#pragma once

// Flat buffers of `count` numbers. average and low may be null.
struct AdamBuffers {
  float *parameter, *first_moment, *second_moment, *average;
  const void* gradient;
  void* low;  // Element
  long long count;
  int packed;  // all begin at multiples of four numbers: they are read four at a time
};

struct AdamConstants {
  double beta1, beta2, eps, weight_decay;
  double clip;    // the largest norm of the gradients; 0: any
  int decoupled;  // AdamW
};

// Float scalars but for the first two, which are double. loss_scale may be null = 1.
struct AdamScalars {
  const double *learning_rate, *average_decay;
  const float* loss_scale;
  float *count, *norm, *found_inf;
};

// What prepare_update leaves for adam_step.
struct AdamFactors {
  float gradient;               // what gradients are multiplied by: unscaling and clipping
  float penalty, shrink;        // Adam's weight decay; AdamW's: 1 - learning rate * weight decay
  float first, second, square;  // 1 - beta1, beta2, 1 - beta2
  float step, root, eps;        // learning rate / (1 - beta1^n), sqrt(1 - beta2^n)
  float average;                // 1 - average_decay
  float skipped;                // 1: the parameters stay
};
