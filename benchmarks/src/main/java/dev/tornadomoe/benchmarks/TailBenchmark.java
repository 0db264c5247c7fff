package dev.tornadomoe.benchmarks;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.cli.bench.BenchInputs;
import dev.tornadomoe.cli.bench.Preset;
import dev.tornadomoe.cli.bench.SyntheticLayers;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.plan.OutputForm;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// A layer, its residual and the next norm, made in three ways. See TailBenchmark.md.
@State(Scope.Benchmark)
@BenchmarkMode({Mode.AverageTime})
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--add-modules=jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED",
      "-Xmx4g"
    })
public class TailBenchmark {
  private static final float EPSILON = 1e-6f;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  /// Who does what.
  public enum Tail {
    /// The layer adds the residual, the engine norms.
    OWN_NORM,
    /// The layer adds the residual and writes the norm's rows.
    TAIL,
    /// The layer leaves the experts' rows, the engine sums, adds and norms in one pass.
    DEFERRED
  }

  @Param("qwen3-30b-a3b")
  public String preset;

  @Param({"1", "16"})
  public int tokens;

  @Param({"OWN_NORM", "TAIL", "DEFERRED"})
  public Tail tail;

  private Arena arena;
  private Session session;
  private int hidden;
  private int topK;
  private MemorySegment output;
  private MemorySegment sums;
  private MemorySegment residual;
  private MemorySegment normWeights;
  private MemorySegment normed;
  private MemorySegment ids;
  private MemorySegment weights;
  private List<BenchInputs.Input> inputs;
  private int next;

  @Setup(Level.Trial)
  public void prepare() {
    List<MoeLayer> layers =
        new SyntheticLayers(Preset.named(preset), WeightFormat.int4(DType.BF16, 32, false, false))
            .make(1);
    hidden = layers.getFirst().hidden();
    topK = layers.getFirst().topK();
    Planner.Builder planner = Planner.builder().maxTokens(tokens);
    switch (tail) {
      case OWN_NORM -> planner.residual(Residual.GIVEN);
      case TAIL -> planner.tail(Residual.GIVEN, new RmsNorm(EPSILON));
      case DEFERRED -> planner.output(OutputForm.DEFERRED);
    }
    session = Backends.require("cpu").prepare(planner.build().plan(layers));
    arena = Arena.ofShared();
    inputs = new BenchInputs(layers, false, arena).make(tokens);
    long row = (long) tokens * hidden * Float.BYTES;
    output = arena.allocate(tail == Tail.DEFERRED ? row * topK : row, 64);
    sums = tail == Tail.DEFERRED ? arena.allocate(row, 64) : output;
    residual = arena.allocate(row, 64);
    normed = arena.allocate(row, 64);
    normWeights = arena.allocate((long) hidden * Float.BYTES, 64);
    ids = arena.allocate((long) tokens * topK * Integer.BYTES, 64);
    weights = arena.allocate((long) tokens * topK * Float.BYTES, 64);
    for (int i = 0; i < hidden; i++) {
      normWeights.setAtIndex(FLOAT, i, 1);
    }
  }

  @TearDown(Level.Trial)
  public void close() {
    session.close();
    arena.close();
  }

  @Benchmark
  public MemorySegment layer() {
    next = (next + 1) % inputs.size();
    MoeCall call = new MoeCall().hidden(inputs.get(next).hidden(), tokens).output(output);
    switch (tail) {
      case OWN_NORM -> {
        session.run(call.residual(residual));
        norm();
      }
      case TAIL -> session.run(call.residual(residual).tail(normWeights, normed));
      case DEFERRED -> {
        session.run(call.routing(ids, weights));
        sum();
        norm();
      }
    }
    return normed;
  }

  /// An engine's own sum of the experts' rows and residual.
  private void sum() {
    for (int t = 0; t < tokens; t++) {
      long row = (long) t * hidden;
      for (int i = 0; i < hidden; i++) {
        float sum = residual.getAtIndex(FLOAT, row + i);
        for (int s = 0; s < topK; s++) {
          sum +=
              weights.getAtIndex(FLOAT, (long) t * topK + s)
                  * output.getAtIndex(FLOAT, (row * topK) + (long) s * hidden + i);
        }
        sums.setAtIndex(FLOAT, row + i, sum);
      }
    }
  }

  /// An engine's own norm.
  private void norm() {
    for (int t = 0; t < tokens; t++) {
      long row = (long) t * hidden;
      double squares = 0;
      for (int i = 0; i < hidden; i++) {
        double value = sums.getAtIndex(FLOAT, row + i);
        squares += value * value;
      }
      float factor = (float) (1 / Math.sqrt(squares / hidden + EPSILON));
      for (int i = 0; i < hidden; i++) {
        normed.setAtIndex(
            FLOAT,
            row + i,
            sums.getAtIndex(FLOAT, row + i) * factor * normWeights.getAtIndex(FLOAT, i));
      }
    }
  }
}
