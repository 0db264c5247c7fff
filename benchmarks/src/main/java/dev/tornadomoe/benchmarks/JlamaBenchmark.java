package dev.tornadomoe.benchmarks;

import com.example.MadeUpWeights;
import com.example.MixtralBlocks;
import com.github.tjake.jlama.math.ActivationFunction;
import com.github.tjake.jlama.model.functions.FeedForward;
import com.github.tjake.jlama.model.mixtral.MixtralConfig;
import com.github.tjake.jlama.safetensors.DType;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.FloatBufferTensor;
import com.github.tjake.jlama.util.PhysicalCoreExecutor;
import java.util.Optional;
import java.util.Random;
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
import org.openjdk.jmh.annotations.Warmup;

/// An MoE block in Jlama: its own, and this library's on a session. See JlamaBenchmark.md.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 3, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "--add-modules=jdk.incubator.vector",
      "--sun-misc-unsafe-memory-access=allow",
      "-Xmx1g",
      "-XX:MaxDirectMemorySize=2g"
    })
public class JlamaBenchmark {
  private static final int HIDDEN = 2048;
  private static final int INPUTS = 16;

  @Param({"1", "2"})
  public int threads;

  @Param({"F32", "BF16", "Q4"})
  public DType weights;

  @Param({"1", "16"})
  public int tokens;

  /// The last one by name, so that JMH measures both one right after the other.
  @Param({"jlama", "session"})
  public String whose;

  private FeedForward forward;
  private final AbstractTensor<?, ?>[] inputs = new AbstractTensor<?, ?>[INPUTS];
  private int next;

  /// The session goes with the process.
  @Setup(Level.Trial)
  public void prepare() {
    System.setProperty("tornadomoe.cpu.threads", String.valueOf(threads));
    PhysicalCoreExecutor.overrideThreadCount(threads);
    MixtralConfig config =
        new MixtralConfig(
            128, HIDDEN, 768, 16, 4, 1, 1e-5f, 96, 1, 2, 1e4, ActivationFunction.Type.SILU, 16, 4);
    MixtralBlocks blocks = new MixtralBlocks(config, new MadeUpWeights(config, weights));
    forward = whose.equals("jlama") ? blocks.jlama(0) : blocks.session(0);
    Random random = new Random(7);
    for (int i = 0; i < INPUTS; i++) {
      inputs[i] = new FloatBufferTensor(tokens, HIDDEN);
      for (int token = 0; token < tokens; token++) {
        for (int column = 0; column < HIDDEN; column++) {
          inputs[i].set((float) random.nextGaussian(), token, column);
        }
      }
    }
  }

  /// Another input each time, so that decode finds its experts in memory and not in the cache.
  @Benchmark
  public float layer() {
    next = (next + 1) % INPUTS;
    try (AbstractTensor<?, ?> output = forward.forward(inputs[next], Optional.empty())) {
      return output.get(0, 0);
    }
  }
}
