package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.kernel.int4.Int4Blocks;
import dev.tornadomoe.backend.cpu.step.CpuLinear;
import dev.tornadomoe.backend.cpu.step.CpuMlp;
import dev.tornadomoe.backend.cpu.step.GateUp;
import dev.tornadomoe.backend.cpu.step.Projection;
import dev.tornadomoe.backend.host.LayerWeights;
import dev.tornadomoe.backend.host.RouterChecks;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/// Brings weights into the form the kernels read, on all cores: 4-bit integers are repacked into
/// [Int4Blocks], all others stay in their mapped file where it has them as they are used.
final class CpuLoader {
  private final CpuKernels kernels;
  private final boolean experts;
  private final Arena arena;
  private final SegmentAllocator blocks;
  private final Progress progress;
  private final long total;
  private final Queue<MemorySegment> memory = new ConcurrentLinkedQueue<>();
  private long done;

  /// A loader for one plan.
  ///
  /// @param experts whether it loads the routed experts too
  /// @param arena where repacked weights are allocated
  CpuLoader(CpuKernels kernels, MoePlan plan, boolean experts, Arena arena, Progress progress) {
    this.kernels = kernels;
    this.experts = experts;
    this.arena = arena;
    this.blocks = HugePages.orPlain(arena);
    this.progress = progress;
    this.total =
        plan.layers().stream()
            .flatMap(layer -> LayerWeights.of(layer, experts).stream())
            .mapToLong(Weight::bytes)
            .sum();
  }

  /// What loading a plan's layers will allocate: repacked weights, and files' weights that need
  /// another form.
  static long bytes(MoePlan plan, boolean experts, CpuKernels kernels) {
    long bytes = 0;
    for (MoeLayer layer : plan.layers()) {
      for (Weight weight : LayerWeights.of(layer, experts)) {
        WeightFormat format = weight.format();
        bytes +=
            format.isInt4()
                ? Int4Blocks.bytes(weight.rows(), weight.columns(), format, kernels.int4BlockRows())
                : weight.bytesToLoad();
      }
    }
    return bytes;
  }

  /// The memory that the loaded weights lie in, mapped files included.
  WeightMemory memory() {
    return new WeightMemory(memory);
  }

  /// Loads all layers.
  ///
  /// @throws dev.tornadomoe.MoeException for weights that can't be right or can't be repacked
  List<CpuLayer> load(MoePlan plan, int threads) {
    LayerWeights.requireVectors(plan.layers());
    progress.update(0, total);
    try (ExecutorService pool =
        Executors.newFixedThreadPool(
            threads, Thread.ofPlatform().daemon().name("moe-loader-", 0).factory())) {
      List<LayerTasks> tasks = plan.layers().stream().map(layer -> submit(layer, pool)).toList();
      try {
        List<CpuLayer> layers = new ArrayList<>(tasks.size());
        for (LayerTasks layer : tasks) {
          layers.add(layer.get());
        }
        return layers;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new BackendException("loading was interrupted", e);
      } catch (ExecutionException e) {
        if (e.getCause() instanceof RuntimeException cause) {
          throw cause;
        }
        if (e.getCause() instanceof Error cause) {
          throw cause;
        }
        throw new IllegalStateException(e);
      } finally {
        pool.shutdownNow(); // after a failure the others need not go on
      }
    }
  }

  /// One layer's weights on their way.
  private record LayerTasks(
      @Nullable Future<CpuRouter> router,
      List<Future<CpuMlp>> experts,
      @Nullable Future<CpuMlp> shared,
      @Nullable Future<CpuLinear> sharedGate,
      @Nullable Future<CpuLinear> latentIn,
      @Nullable Future<CpuLinear> latentOut) {

    CpuLayer get() throws InterruptedException, ExecutionException {
      List<CpuMlp> loaded = new ArrayList<>(experts.size());
      for (Future<CpuMlp> expert : experts) {
        loaded.add(expert.get());
      }
      return CpuLayer.of(
          router == null ? null : router.get(),
          loaded,
          shared == null ? null : shared.get(),
          sharedGate == null ? null : sharedGate.get(),
          latentIn == null ? null : latentIn.get(),
          latentOut == null ? null : latentOut.get());
    }
  }

  private LayerTasks submit(MoeLayer layer, ExecutorService pool) {
    memory.addAll(LayerWeights.ofSteps(layer));
    Router router = layer.router();
    SharedExperts shared = layer.shared();
    Weight sharedGate = shared == null ? null : shared.gate();
    Latent latent = layer.latent();
    Activation activation = layer.experts().activation();
    List<Future<CpuMlp>> routed = new ArrayList<>();
    for (Mlp expert : experts ? layer.experts().local() : List.<Mlp>of()) {
      routed.add(pool.submit(mlp(expert, activation)));
    }
    return new LayerTasks(
        router == null ? null : pool.submit(() -> router(layer, router)),
        routed,
        shared == null ? null : pool.submit(mlp(shared.mlp(), shared.activation(layer.experts()))),
        sharedGate == null ? null : pool.submit(() -> linear(sharedGate, null)),
        latent == null ? null : pool.submit(() -> linear(latent.in(), latent.inBias())),
        latent == null ? null : pool.submit(() -> linear(latent.out(), latent.outBias())));
  }

  private Callable<CpuMlp> mlp(Mlp mlp, Activation activation) {
    return () ->
        new CpuMlp(
            mlp.gate() == null ? null : linear(mlp.gate(), mlp.gateBias()),
            linear(mlp.up(), mlp.upBias()),
            linear(mlp.down(), mlp.downBias()),
            activation,
            kernels);
  }

  private CpuRouter router(MoeLayer layer, Router router) {
    RouterChecks.requireNumbers(layer);
    CpuLinear logits = linear(router.weight(), router.bias());
    RouterMlp mlp = router.mlp();
    if (mlp == null) {
      return new CpuRouter(logits, null, List.of());
    }
    List<Projection> hidden = new ArrayList<>();
    for (RouterMlp.Linear one : mlp.hidden()) {
      hidden.add(new GateUp(null, linear(one.weight(), one.bias()), mlp.activation(), kernels));
    }
    return new CpuRouter(logits, linear(mlp.in().weight(), mlp.in().bias()), hidden);
  }

  private CpuLinear linear(Weight weight, @Nullable Bias bias) {
    CpuLinear linear;
    if (weight.format().isInt4()) {
      // The file's form is needed for the repacking only.
      try (Arena temporary = Arena.ofConfined()) {
        linear = linear(weight.name(), weight.load(temporary), bias);
      }
    } else {
      linear = linear(weight.name(), weight.load(arena), bias);
    }
    loaded(weight.bytes());
    return linear;
  }

  private CpuLinear linear(String name, WeightMatrix matrix, @Nullable Bias bias) {
    return switch (matrix) {
      case DenseMatrix dense -> {
        DenseMatrix ours = inNativeMemory(dense);
        memory.addAll(ours.memory());
        yield CpuLinear.of(kernels.dense(ours), null, null, bias);
      }
      case Int4Matrix int4 -> {
        Int4Blocks packed = Int4Blocks.pack(name, int4, kernels.int4BlockRows(), blocks);
        yield CpuLinear.of(
            kernels.int4(packed), kernels.int4Fast(packed), int4.columnOrder(), bias);
      }
      default -> {
        memory.addAll(matrix.memory());
        yield CpuLinear.of(kernels.decoded(matrix), null, null, bias);
      }
    };
  }

  /// Copies weights that lie in a Java array. The Vector API's loads are compiled for the kinds of
  /// memory that they have met; with arrays among them every load in the process becomes a virtual
  /// call that allocates its vector.
  private DenseMatrix inNativeMemory(DenseMatrix matrix) {
    TensorView values = matrix.values();
    if (values.data().isNative()) {
      return matrix;
    }
    MemorySegment copy = arena.allocate(values.data().byteSize(), 64).copyFrom(values.data());
    return new DenseMatrix(new TensorView(values.name(), values.dtype(), values.shape(), copy));
  }

  private synchronized void loaded(long bytes) {
    done += bytes;
    progress.update(done, total);
  }
}
