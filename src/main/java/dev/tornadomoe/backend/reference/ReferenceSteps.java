package dev.tornadomoe.backend.reference;

import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.Interruption;
import dev.tornadomoe.backend.host.NormStep;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.ReduceOperation;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Compiles operations of one layer to plain loops. Sums are in double; what goes into a buffer is
/// rounded once.
final class ReferenceSteps {
  private final StepContext context;
  private final List<ReferenceMlp> experts;
  private final Interruption interruption;
  private final ExpertMap map;
  private final int hidden;
  private final int width; // of the routed experts' rows
  private final int intermediate;
  private final int topK;

  /// @param interruption of the session's calls: rows are slow, so each may be the last
  ReferenceSteps(StepContext context, List<ReferenceMlp> experts, Interruption interruption) {
    this.context = context;
    this.experts = experts;
    this.interruption = interruption;
    this.map = context.experts();
    this.hidden = context.layer().hidden();
    this.width = context.layer().experts().hidden();
    this.intermediate = context.layer().intermediate();
    this.topK = context.layer().topK();
  }

  private BufferRef ref(Operand operand) {
    return context.buffer(operand);
  }

  /// The next row to work on, unless the call ends here.
  private double[] read(BufferRef ref, long row, int count) {
    interruption.check();
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      values[i] = ref.getFloat(row, i);
    }
    return values;
  }

  private static void write(BufferRef ref, long row, double[] values) {
    for (int i = 0; i < values.length; i++) {
      ref.setFloat(row, i, (float) values[i]);
    }
  }

  HostStep project(Operand input, Operand target, ReferenceLinear linear) {
    BufferRef from = ref(input);
    BufferRef to = ref(target);
    return tokens -> {
      for (int t = 0; t < tokens; t++) {
        write(to, t, linear.apply(read(from, t, linear.columns())));
      }
    };
  }

  /// A hidden layer of a router.
  HostStep hidden(Operand input, Operand target, ReferenceGateUp layer) {
    BufferRef from = ref(input);
    BufferRef to = ref(target);
    return tokens -> {
      for (int t = 0; t < tokens; t++) {
        write(to, t, layer.apply(read(from, t, layer.up().columns())));
      }
    };
  }

  HostStep sharedGateUp(DenseOperation.SharedGateUp op, ReferenceMlp shared) {
    BufferRef input = ref(op.input());
    BufferRef activated = ref(op.activated());
    return tokens -> {
      for (int t = 0; t < tokens; t++) {
        write(activated, t, shared.gateUp(read(input, t, hidden)));
      }
    };
  }

  HostStep sharedDown(
      DenseOperation.SharedDown op, ReferenceMlp shared, @Nullable ReferenceLinear gate) {
    BufferRef input = ref(op.input());
    BufferRef activated = ref(op.activated());
    BufferRef target = ref(op.target());
    return tokens -> {
      for (int t = 0; t < tokens; t++) {
        double[] y = shared.down().apply(read(activated, t, shared.down().columns()));
        if (gate != null) {
          double logit = gate.apply(read(input, t, hidden))[0];
          scale(y, ReferenceMlp.sigmoid(logit));
        }
        write(target, t, y);
      }
    };
  }

  HostStep gateUp(ExpertOperation.GateUp op) {
    BufferRef input = ref(op.input());
    BufferRef ids = ref(op.ids());
    BufferRef activated = ref(op.activated());
    return tokens -> {
      for (int pair = 0; pair < tokens * topK; pair++) {
        int expert = map.localOf(ids.getInt(pair));
        if (expert >= 0) {
          write(activated, pair, experts.get(expert).gateUp(read(input, pair / topK, width)));
        }
      }
    };
  }

  HostStep groupedGateUp(ExpertOperation.GroupedGateUp op) {
    BufferRef input = ref(op.input());
    BufferRef order = ref(op.order());
    BufferRef offsets = ref(op.offsets());
    BufferRef activated = ref(op.activated());
    return tokens -> {
      for (int e = 0; e < experts.size(); e++) {
        for (int i = offsets.getInt(e); i < offsets.getInt(e + 1L); i++) {
          double[] x = read(input, order.getInt(i) / topK, width);
          write(activated, i, experts.get(e).gateUp(x));
        }
      }
    };
  }

  HostStep groupedDown(ExpertOperation.GroupedDown op) {
    BufferRef activated = ref(op.activated());
    BufferRef order = ref(op.order());
    BufferRef offsets = ref(op.offsets());
    BufferRef target = ref(op.target());
    return tokens -> {
      for (int e = 0; e < experts.size(); e++) {
        for (int i = offsets.getInt(e); i < offsets.getInt(e + 1L); i++) {
          double[] x = read(activated, i, intermediate);
          write(target, order.getInt(i), experts.get(e).down().apply(x));
        }
      }
    };
  }

  HostStep downReduce(ReduceOperation.DownReduce op) {
    BufferRef activated = ref(op.activated());
    BufferRef ids = ref(op.ids());
    BufferRef weights = context.bufferOrNull(op.weights());
    List<BufferRef> addends = op.addends().stream().map(this::ref).toList();
    BufferRef target = ref(op.target());
    return tokens -> {
      for (int t = 0; t < tokens; t++) {
        double[] sum = new double[width];
        for (int s = 0; s < topK; s++) {
          int expert = map.localOf(ids.getInt((long) t * topK + s));
          if (expert >= 0) {
            double[] x = read(activated, (long) t * topK + s, intermediate);
            addWeighted(sum, weights, t, s, experts.get(expert).down().apply(x));
          }
        }
        finish(target, t, sum, addends);
      }
    };
  }

  HostStep reduce(ReduceOperation.Reduce op) {
    return reduce(op, null);
  }

  private HostStep reduce(ReduceOperation.Reduce op, @Nullable NormStep norm) {
    BufferRef pairs = ref(op.pairs());
    BufferRef ids = ref(op.ids());
    BufferRef weights = context.bufferOrNull(op.weights());
    List<BufferRef> addends = op.addends().stream().map(this::ref).toList();
    BufferRef target = ref(op.target());
    int rowsOfToken = context.columns(op.ids());
    return tokens -> {
      for (int t = 0; t < tokens; t++) {
        double[] sum = new double[width];
        for (int s = 0; s < rowsOfToken; s++) {
          long pair = (long) t * rowsOfToken + s;
          if (map.localOf(ids.getInt(pair)) >= 0) {
            addWeighted(sum, weights, t, s, read(pairs, pair, width));
          }
        }
        float[] row = finish(target, t, sum, addends);
        if (norm != null) {
          norm.row(t, row);
        }
      }
    };
  }

  HostStep reduceNorm(ReduceOperation.ReduceNorm op) {
    return reduce(op.reduce(), NormStep.ofRows(op.norm(), context));
  }

  HostStep batchedGateUp(ExpertOperation.BatchedGateUp op) {
    BufferRef batched = ref(op.batched());
    BufferRef counts = ref(op.counts());
    BufferRef activated = ref(op.activated());
    return tokens -> {
      for (int e = 0; e < experts.size(); e++) {
        for (int r = 0; r < counts.getInt(e); r++) {
          long row = (long) e * context.maxTokens() + r;
          write(activated, row, experts.get(e).gateUp(read(batched, row, width)));
        }
      }
    };
  }

  HostStep batchedDown(ExpertOperation.BatchedDown op) {
    BufferRef activated = ref(op.activated());
    BufferRef counts = ref(op.counts());
    BufferRef target = ref(op.target());
    return tokens -> {
      for (int e = 0; e < experts.size(); e++) {
        for (int r = 0; r < counts.getInt(e); r++) {
          long row = (long) e * context.maxTokens() + r;
          write(target, row, experts.get(e).down().apply(read(activated, row, intermediate)));
        }
      }
    };
  }

  HostStep batchedReduce(ReduceOperation.BatchedReduce op) {
    BufferRef batched = ref(op.batched());
    BufferRef ids = ref(op.ids());
    BufferRef rows = ref(op.rows());
    BufferRef weights = context.bufferOrNull(op.weights());
    BufferRef target = ref(op.target());
    return tokens -> {
      for (int t = 0; t < tokens; t++) {
        double[] sum = new double[width];
        for (int s = 0; s < topK; s++) {
          long pair = (long) t * topK + s;
          int expert = map.localOf(ids.getInt(pair));
          if (expert >= 0) {
            long row = (long) expert * context.maxTokens() + rows.getInt(pair);
            addWeighted(sum, weights, t, s, read(batched, row, width));
          }
        }
        write(target, t, sum);
      }
    };
  }

  private static void addWeighted(
      double[] sum, @Nullable BufferRef weights, int token, int slot, double[] row) {
    double weight = weights == null ? 1 : weights.getFloat(token, slot);
    for (int i = 0; i < sum.length; i++) {
      sum[i] += weight * row[i];
    }
  }

  private static float[] finish(
      BufferRef target, int token, double[] sum, List<BufferRef> addends) {
    // Rounded before each addition, as separate steps would: folding must not change a bit.
    float[] row = new float[sum.length];
    for (int i = 0; i < sum.length; i++) {
      row[i] = (float) sum[i];
      for (BufferRef addend : addends) {
        row[i] += addend.getFloat(token, i);
      }
    }
    target.writeRow(token, 0, row, 0, row.length);
    return row;
  }

  private static void scale(double[] values, double factor) {
    for (int i = 0; i < values.length; i++) {
      values[i] *= factor;
    }
  }
}
