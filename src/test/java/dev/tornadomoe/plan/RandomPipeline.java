package dev.tornadomoe.plan;

import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.modular.ActivationFormat;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.OffloadExperts;
import dev.tornadomoe.modular.OffloadPrepareAndFinalize;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubEnds;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// Layers, pieces and options that go together, drawn from a seed.
final class RandomPipeline {
  private final Random random;
  private final int experts;
  private final int topK;
  private final boolean int4;
  private final boolean callerRoutes;
  private boolean isPartial;
  private boolean canDefer;
  private final List<MoeLayer> layers;
  private final @Nullable ModularMoe modularMoe;
  private final Planner.Builder planner = Planner.builder();

  /// The pieces of layers that have some experts on a device.
  private final Map<MoeLayer, ModularMoe> offloaded = new IdentityHashMap<>();

  private RandomPipeline(long seed) {
    random = new Random(seed);
    experts = 1 + random.nextInt(6);
    topK = 1 + random.nextInt(Math.min(3, experts));
    int4 = random.nextInt(3) == 0;
    callerRoutes = random.nextInt(3) == 0;
    layers = divided(layers(), new Random(~seed));
    ModularMoe whole = modularMoe();
    modularMoe = offloaded.isEmpty() ? whole : offloaded.get(layers.getFirst());
    if (!offloaded.isEmpty()) {
      planner.modularMoe(offloaded::get);
    } else if (modularMoe != null) {
      planner.modularMoe(modularMoe);
    }
    if (callerRoutes) {
      planner.callerRoutes(true);
    }
    passes();
    tokens();
    memory();
    canDefer = canDefer();
    rows();
  }

  /// Whether the caller can make the sum: it is all of the layer, and there are rows for it.
  private boolean canDefer() {
    MoeLayer layer = layers.getFirst();
    boolean leavesPairs =
        modularMoe == null
            || (modularMoe.reduce() instanceof TopKWeightAndReduce.Contiguous
                && modularMoe.prepareAndFinalize().supportsDeferral());
    return leavesPairs
        && !isPartial
        && layer.shared() == null
        && layer.norms().output() == null
        && layer.latent() == null
        && !layer.routerWeightOnInput();
  }

  static RandomPipeline of(long seed) {
    return new RandomPipeline(seed);
  }

  /// With every check at each call.
  RandomPipeline sanitized() {
    planner.sanitize(true);
    return this;
  }

  MoePlan plan(AliasMode mode) {
    return planner.outputAliasing(mode).build().plan(layers);
  }

  /// Whether a host backend can run it.
  boolean isForHost() {
    PlanOptions options = plan(AliasMode.AUTO).options();
    return options.memory() == MemoryKind.HOST && options.call().outputMemory() == MemoryKind.HOST;
  }

  private List<MoeLayer> layers() {
    SeededLayers fixture =
        SeededLayers.of(1 + random.nextInt(20), 1 + random.nextInt(12), experts, topK)
            .seed(random.nextLong())
            .index(random.nextInt(50));
    if (int4) {
      fixture.int4();
    }
    if (random.nextInt(3) == 0) {
      fixture.shared(1 + random.nextInt(9), random.nextBoolean());
    }
    if (topK == 1 && random.nextInt(3) == 0) {
      fixture.weightOnInput();
    } else if (random.nextInt(6) == 0) {
      fixture.latent(1 + random.nextInt(20));
    }
    if (random.nextInt(6) == 0) {
      fixture.inputNorms();
    }
    if (callerRoutes && random.nextBoolean()) {
      fixture.withoutRouter();
    }
    if (random.nextInt(3) == 0) {
      int[] map = map();
      isPartial = Arrays.stream(map).anyMatch(place -> place < 0);
      fixture.map(map);
    }
    if (!isPartial && random.nextInt(4) == 0) {
      fixture.outputNorm();
    }
    return fixture.layers(1 + random.nextInt(3));
  }

  /// Layers that have all experts, in one of five cases with any of them on a device.
  private List<MoeLayer> divided(List<MoeLayer> whole, Random placements) {
    return isPartial || experts < 2 || placements.nextInt(5) != 0
        ? whole
        : whole.stream().map(layer -> part(layer, placements)).toList();
  }

  /// What the host has of a layer: one expert at least.
  private MoeLayer part(MoeLayer layer, Random placements) {
    int[] there = new int[experts];
    int[] here = new int[experts];
    int count = 0;
    int kept = placements.nextInt(experts);
    for (int expert = 0; expert < experts; expert++) {
      boolean leaves = expert != kept && placements.nextBoolean();
      there[expert] = leaves ? count : -1;
      here[expert] = leaves ? -1 : expert - count;
      count += leaves ? 1 : 0;
    }
    OffloadExperts divided =
        new OffloadExperts(
            count == 0
                ? null
                : new OffloadExperts.DevicePart(layer.dividedBy(ExpertMap.of(there)), 0.5),
            placements.nextBoolean()
                ? new OffloadExperts.Streaming(
                    1 + placements.nextInt(8), 1 + placements.nextInt(3), "drawn")
                : null);
    MoeLayer part = layer.dividedBy(ExpertMap.of(here));
    offloaded.put(part, new ModularMoe(new OffloadPrepareAndFinalize(layer, divided), divided));
    return part;
  }

  /// Some of the experts, at least one, in any order.
  private int[] map() {
    List<Integer> local = new ArrayList<>();
    int kept = 1 + random.nextInt(experts);
    for (int i = 0; i < experts; i++) {
      local.add(i < kept ? i : -1);
    }
    Collections.shuffle(local, random);
    return local.stream().mapToInt(i -> i).toArray();
  }

  private @Nullable ModularMoe modularMoe() {
    return switch (random.nextInt(8)) {
      case 0 -> ExpertsCatalog.named("fused");
      case 1 -> ExpertsCatalog.named("unreduced");
      case 2 -> ExpertsCatalog.named("batched");
      case 3 -> ExpertsCatalog.named("hybrid");
      case 4 -> null;
      default -> stubs();
    };
  }

  private ModularMoe stubs() {
    StubExperts stub =
        switch (random.nextInt(5)) {
          case 0 -> StubExperts.of(StubBody.oneStep());
          case 1 ->
              StubExperts.of(StubBody.oneStep()).with(Capability.INPUT_CONSUMED_BEFORE_OUTPUT);
          case 2 -> StubExperts.of(StubBody.twoSteps());
          case 3 -> StubExperts.of(StubBody.lateReader());
          default ->
              StubExperts.of(StubBody.accumulating()).with(Capability.ACCUMULATES_INTO_OUTPUT);
        };
    if (random.nextInt(4) == 0) {
      stub = stub.notOptedIn();
    }
    if (random.nextBoolean()) {
      stub = stub.with(Capability.ZEROES_ROWS_WITHOUT_LOCAL_EXPERTS);
    }
    if (random.nextBoolean()) {
      stub = stub.pathLimits(1 + random.nextInt(4));
    }
    // With one row per token, a reduction can be left to finalize.
    boolean adds = stub.capabilities().contains(Capability.ACCUMULATES_INTO_OUTPUT);
    if (topK == 1 && !adds && random.nextInt(3) == 0) {
      stub =
          stub.leaving(
              random.nextBoolean()
                  ? new TopKWeightAndReduce.Contiguous()
                  : new TopKWeightAndReduce.Delegate());
    }
    return new ModularMoe(prepareAndFinalize(stub), stub);
  }

  private PrepareAndFinalize prepareAndFinalize(Experts stub) {
    boolean noOp = stub.weightAndReduce() instanceof TopKWeightAndReduce.NoOp;
    return switch (random.nextInt(4)) {
      case 0 -> StubEnds.standard().nonLocal();
      case 1 ->
          StubEnds.standard()
              .auditing(noOp || random.nextBoolean() ? StubEnds.Audit.FIRST : StubEnds.Audit.LAST);
      default -> new LocalPrepareAndFinalize();
    };
  }

  private void passes() {
    planner
        .foldAdditions(random.nextInt(4) != 0)
        .workspaceReuse(random.nextInt(4) != 0)
        .sanitize(random.nextBoolean());
  }

  private void tokens() {
    int most = 1 + random.nextInt(9);
    planner.maxTokens(most);
    boolean batched =
        modularMoe != null && modularMoe.experts().format() == ActivationFormat.BATCHED;
    boolean local = modularMoe == null || modularMoe.prepareAndFinalize().isLocal();
    if (!batched && random.nextInt(3) == 0) {
      int chunk = 1 + random.nextInt(most);
      if (local) {
        planner.chunkTokens(chunk);
      }
    }
  }

  private void memory() {
    if (random.nextInt(8) == 0) {
      planner.sharedOutput(true);
    }
    if (random.nextInt(8) == 0) {
      planner.outputAlignment(random.nextBoolean() ? 2 : 64);
    }
    if (random.nextInt(10) == 0) {
      planner.outputMemory(MemoryKind.DEVICE);
    }
  }

  private void rows() {
    DType hiddenType = type();
    planner.hiddenType(hiddenType);
    if (canDefer && random.nextBoolean()) {
      planner.output(OutputForm.DEFERRED).outputType(type());
      if (random.nextInt(4) == 0) {
        planner.outputStride(layers.getFirst().hidden() + random.nextInt(3));
      }
      return;
    }
    boolean inPlace = random.nextInt(3) == 0;
    Residual residual = Residual.values()[random.nextInt(3)];
    planner.residual(residual);
    if (!isPartial && random.nextInt(4) == 0) {
      planner.tail(residual, new RmsNorm(0.125f));
    }
    planner.outputType(inPlace || residual == Residual.IN_OUTPUT ? hiddenType : type());
    if (inPlace) {
      planner.inPlace(true);
    } else if (random.nextInt(4) == 0) {
      planner.outputStride(layers.getFirst().hidden() + random.nextInt(3));
    }
  }

  private DType type() {
    return switch (random.nextInt(6)) {
      case 0 -> DType.F16;
      case 1 -> DType.BF16;
      default -> DType.F32;
    };
  }
}
