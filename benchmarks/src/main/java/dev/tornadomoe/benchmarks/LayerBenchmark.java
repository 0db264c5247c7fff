package dev.tornadomoe.benchmarks;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.cli.bench.BenchInputs;
import dev.tornadomoe.cli.bench.Preset;
import dev.tornadomoe.cli.bench.SyntheticLayers;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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

/// One MoE layer with its router on a backend. See LayerBenchmark.md.
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
public class LayerBenchmark {
  @Param("cpu")
  public String backend;

  @Param("qwen3-30b-a3b")
  public String preset;

  @Param({"int4", "bf16"})
  public String weights;

  @Param({"1", "16", "256"})
  public int tokens;

  @Param({"AUTO", "OFF"})
  public AliasMode alias;

  @Param({"EXACT", "FAST"})
  public Precision precision;

  private Arena arena;
  private Session session;
  private MemorySegment output;
  private List<BenchInputs.Input> inputs;
  private int next;

  @Setup(Level.Trial)
  public void prepare() {
    WeightFormat format =
        weights.equals("int4")
            ? WeightFormat.int4(DType.BF16, 32, false, false)
            : WeightFormat.dense(DType.BF16);
    List<MoeLayer> layers = new SyntheticLayers(Preset.named(preset), format).make(1);
    Planner planner =
        Planner.builder().maxTokens(tokens).outputAliasing(alias).precision(precision).build();
    session = Backends.require(backend).prepare(planner.plan(layers));
    arena = Arena.ofShared();
    inputs = new BenchInputs(layers, false, arena).make(tokens);
    output = arena.allocate((long) tokens * layers.getFirst().hidden() * Float.BYTES, 64);
  }

  @TearDown(Level.Trial)
  public void close() {
    session.close();
    arena.close();
  }

  /// Another input each time, so that decode finds its experts in memory and not in the cache.
  @Benchmark
  public MemorySegment layer() {
    next = (next + 1) % inputs.size();
    session.run(new MoeCall().hidden(inputs.get(next).hidden(), tokens).output(output));
    return output;
  }
}
