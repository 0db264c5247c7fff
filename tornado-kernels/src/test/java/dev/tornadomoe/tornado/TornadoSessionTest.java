package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.host.OutputLeases;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.modular.HybridExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MemoryKind;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.graph.DeviceFailure;
import dev.tornadomoe.tornado.graph.KernelCall;
import dev.tornadomoe.tornado.graph.LaunchGraph;
import dev.tornadomoe.tornado.graph.LaunchLayer;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.weights.LayerStorage;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Sessions on a device beside the reference: both kinds of kernels, experts in several buffers,
/// whole steps, sanitised runs, and what is refused.
class TornadoSessionTest {
  private Checkpoint checkpoint;
  private List<MoeLayer> layers;
  private int hidden;

  @BeforeEach
  void open() {
    checkpoint = Checkpoint.open(Path.of("../src/test/resources/golden/hf/deepseek_v2"));
    MoeModel model = MoeModel.of(checkpoint);
    layers = model.layerIndices().stream().map(model::layer).toList();
    hidden = layers.getFirst().hidden();
  }

  @AfterEach
  void close() {
    checkpoint.close();
    System.clearProperty(TornadoDevices.KERNELS_PROPERTY);
    System.clearProperty(TornadoDevices.BUFFER_PROPERTY);
  }

  @ParameterizedTest
  @ValueSource(strings = {"work-items", "work-groups"})
  void expertsInSeveralBuffersGiveTheSameResult(String kernels) {
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, kernels);
    System.setProperty(TornadoDevices.BUFFER_PROPERTY, "65536");
    assertThat(
            LayerStorage.of(layers.getFirst(), TornadoBackend.device().limits()).expertsPerPart())
        .isLessThan(layers.getFirst().globalExperts());
    try (Session device = Backends.require("tornado").prepare(plan(6, false));
        Session reference = Backends.require("reference").prepare(plan(6, false))) {
      for (int tokens : new int[] {1, 6}) {
        assertThat(error(run(reference, tokens), run(device, tokens))).isLessThan(2e-5);
      }
    }
  }

  @Test
  void oneExpertThatFitsNoBufferIsRefused() {
    System.setProperty(TornadoDevices.BUFFER_PROPERTY, "1024");
    assertThatThrownBy(() -> Backends.require("tornado").prepare(plan(1, false)))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("the device's largest buffer holds");
  }

  /// 48 layers made of the two there are, more than a graph holds: 48 copies without the alias and
  /// none with it, as the profiler counted the tasks that ran, and the host touched once. A narrow
  /// sweep has four of them; layers in several graphs are what `DevicePlanTest` has.
  @Test
  void copiesOfAWholeStepAreCountedByTheProfiler() {
    int count = Breadth.askedOr(Breadth.NARROW) == Breadth.FULL ? 48 : 4;
    List<MoeLayer> model = IntStream.range(0, count).mapToObj(i -> layers.get(i % 2)).toList();
    for (AliasMode mode : List.of(AliasMode.AUTO, AliasMode.OFF)) {
      MoePlan plan =
          Planner.builder().maxTokens(1).wholeStep(true).outputAliasing(mode).build().plan(model);
      try (Session session = Backends.require("tornado").prepare(plan)) {
        Profile profile =
            session
                .profile(
                    new MoeCall()
                        .hidden(MemorySegment.ofArray(random(hidden)), 1)
                        .output(MemorySegment.ofArray(new float[hidden])))
                .orElseThrow();
        assertThat(profile.outputCopies()).isEqualTo(mode == AliasMode.OFF ? count : 0);
        assertThat(session.copies()).isEqualTo(profile.outputCopies());
        assertThat(profile.tasks()).hasSize(count * (mode == AliasMode.OFF ? 5 : 4));
        // An array has a header of 16 bytes; M is an array of one.
        assertThat(profile.bytesIn()).isEqualTo(16 + 4L * hidden + 16 + 4);
        assertThat(profile.bytesOut()).isEqualTo(16 + 4L * hidden);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"work-items", "work-groups"})
  void sanitisedRunsFindNothing(String kernels) {
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, kernels);
    try (Session session = Backends.require("tornado").prepare(plan(6, true));
        Session reference = Backends.require("reference").prepare(plan(6, false))) {
      for (int tokens : new int[] {1, 6}) {
        assertThat(error(run(reference, tokens), run(session, tokens))).isLessThan(2e-5);
      }
    }
  }

  /// What the contract needs a step on the host for.
  @Test
  void anOutputThatAnotherCallIsWritingIsRefused() {
    MemorySegment output = MemorySegment.ofArray(new float[hidden]);
    int lease = OutputLeases.acquire(CallerRegion.OUTPUT, output);
    try (Session session = Backends.require("tornado").prepare(plan(1, false))) {
      MemorySegment rows = MemorySegment.ofArray(random(hidden));
      assertThatThrownBy(() -> session.run(rows, 1, output))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("DOUBLE_DONATION");
      OutputLeases.release(lease);
      session.run(rows, 1, output);
    }
  }

  @Test
  void plansForDeviceMemoryAreRefused() {
    MoePlan plan = Planner.builder().memory(MemoryKind.DEVICE).build().plan(layers.getFirst());
    assertThatThrownBy(() -> Backends.require("tornado").prepare(plan))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("TornadoMoe takes arrays on the device");
  }

  /// Reinterpreting bits inside arithmetic is something TornadoVM's OpenCL can't do.
  public static void broken(KernelContext context, IntArray words, FloatArray target) {
    target.set(context.globalIdx, Float.intBitsToFloat(words.get(context.globalIdx)) * 2f);
  }

  @Test
  void aKernelThatDoesNotCompileIsAnErrorThatNamesIt() {
    ChosenDevice device = TornadoBackend.device();
    IntArray words = new IntArray(8);
    FloatArray target = new FloatArray(8);
    KernelContext context = new KernelContext();
    KernelCall call =
        new KernelCall(
            "brokenKernel",
            "brokenKernel",
            8,
            0,
            0,
            (g, n) -> g.task(n, TornadoSessionTest::broken, context, words, target),
            false);
    LaunchGraph graph =
        new LaunchGraph(
            null, List.of(new LaunchLayer(0, null, List.of(call), Set.of())), true, true);
    assertThatThrownBy(() ->
            DeviceFailure.named(
                graph,
                device,
                () -> {
                  throw new IllegalStateException("TornadoVM failed somewhere");
                }))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining(
            "kernel brokenKernel can't be compiled for device " + device.limits().name());
  }

  @Test
  void workGroupsAndLocalMemoryBeyondTheDeviceAreRefused() {
    DeviceLimits small =
        new DeviceLimits("small", 64, 1024, 1 << 20, 1 << 20, KernelShape.WORK_GROUPS);
    assertThatThrownBy(() ->
            new KernelCall("wide", "wide", 128, 128, 0, (g, n) -> {}, false).requireFits(small))
        .hasMessage("kernel wide needs work-groups of 128, device small has at most 64");
    assertThatThrownBy(() ->
            new KernelCall("deep", "deep", 64, 64, 4096, (g, n) -> {}, false).requireFits(small))
        .hasMessageContaining("kernel deep needs 4 KiB of local memory");
    assertThatThrownBy(() ->
            DeviceMemory.load(
                plan(1, false),
                new DeviceLimits("tiny", 64, 1024, 1 << 20, 100, KernelShape.WORK_ITEMS),
                Progress.NONE))
        .hasMessageContaining("on device tiny, which has 100 B");
  }

  /// TornadoVM keeps the result of each execution in its plan objects.
  @Test
  void tenThousandStepsLeaveNothingBehind() {
    try (Session session = Backends.require("tornado").prepare(plan(1, false))) {
      MoeCall call =
          new MoeCall()
              .hidden(MemorySegment.ofArray(random(hidden)), 1)
              .output(MemorySegment.ofArray(new float[hidden]));
      for (int i = 0; i < 1000; i++) {
        session.run(call);
      }
      long before = used();
      for (int i = 0; i < 10_000; i++) {
        session.run(call);
      }
      assertThat(used() - before).isLessThan(1 << 20);
    }
  }

  private static long used() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  /// One token works pair by pair, more are grouped by expert: no more is compiled than runs.
  private MoePlan plan(int tokens, boolean sanitize) {
    return Planner.builder()
        .maxTokens(tokens)
        .sanitize(sanitize)
        .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), new HybridExperts(1)))
        .build()
        .plan(layers.getFirst());
  }

  private float[] run(Session session, int tokens) {
    float[] output = new float[tokens * hidden];
    session.run(
        MemorySegment.ofArray(random(tokens * hidden)), tokens, MemorySegment.ofArray(output));
    return output;
  }

  private static float[] random(int count) {
    Random random = new Random(count);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static double error(float[] want, float[] found) {
    double worst = 0;
    double squares = 0;
    for (int i = 0; i < want.length; i++) {
      worst = Math.max(worst, Math.abs(want[i] - found[i]));
      squares += (double) want[i] * want[i];
    }
    return worst / Math.sqrt(squares / want.length);
  }
}
