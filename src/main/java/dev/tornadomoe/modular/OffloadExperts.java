package dev.tornadomoe.modular;

import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Experts of which some are on a device: those that are here work as [HybridExperts] do, and the
/// device's rows are the first that their last operation adds. For many tokens that operation has
/// no products of its own, so the host waits when all of them are done; for few it waits before the
/// down projections, which cost less than sorting pairs and a sum of their own. They go with
/// [OffloadPrepareAndFinalize], which has the device begin. With many tokens the host's experts may
/// go through the device, too ([Streaming]): their rows are then what the last operation sums.
public final class OffloadExperts implements Experts {
  /// What the device's experts make of the rows `[M, H]`.
  public static final Operand DEVICE_ROWS = new Operand("device_rows");

  /// What the host's experts make of the rows on the device `[M, H]`, where they go through it.
  public static final Operand STREAMED_ROWS = new Operand("streamed_rows");

  /// For each of these rows one of those experts `[M, 1]`, I32.
  private static final Operand STREAMED_IDS = new Operand("streamed_ids");

  private final HybridExperts here = new HybridExperts();
  private final @Nullable DevicePart device;
  private final @Nullable Streaming streaming;

  /// What a device has of a layer.
  ///
  /// @param layer with its experts alone
  /// @param share of all pairs that is expected to be theirs, from 0 to 1
  public record DevicePart(MoeLayer layer, double share) {}

  /// How the host's experts go through the device in calls with many tokens.
  ///
  /// @param fromTokens the fewest tokens of a call, or of a chunk of it, for which they do
  /// @param windowExperts how many of them the device has room for at once
  /// @param why what decided it, for `explain`
  public record Streaming(int fromTokens, int windowExperts, String why) {}

  /// Experts of one layer, of which the host always computes its own.
  ///
  /// @param device what the device has of it, or null where all experts are on the host
  public OffloadExperts(@Nullable DevicePart device) {
    this(device, null);
  }

  /// Experts of one layer.
  ///
  /// @param device what the device has of it, or null where all experts are on the host
  /// @param streaming when the host's go through the device, or null for never
  public OffloadExperts(@Nullable DevicePart device, @Nullable Streaming streaming) {
    this.device = device;
    this.streaming = streaming;
  }

  /// {@return what a device has of the layer, or null}
  public @Nullable DevicePart device() {
    return device;
  }

  /// {@return when the host's experts go through the device, or null for never}
  public @Nullable Streaming streaming() {
    return streaming;
  }

  private boolean streams(Problem problem) {
    return streaming != null && problem.tokens() >= streaming.fromTokens();
  }

  @Override
  public Optional<String> remark() {
    return Optional.ofNullable(streaming).map(Streaming::why);
  }

  @Override
  public String name() {
    return "offload";
  }

  @Override
  public Support supports(MoeLayer layer) {
    if (device == null) {
      return Support.yes();
    }
    ExpertMap there = device.layer().experts().map();
    ExpertMap map = layer.experts().map();
    if (there.globalExperts() != map.globalExperts()) {
      return Support.no(
          String.format(
              Locale.ROOT,
              "the device's experts are some of %d, the layer's of %d",
              there.globalExperts(),
              map.globalExperts()));
    }
    for (int expert = 0; expert < map.globalExperts(); expert++) {
      if (there.localOf(expert) >= 0 && map.localOf(expert) >= 0) {
        return Support.no(
            String.format(Locale.ROOT, "expert %d is on the device and on the host", expert));
      }
    }
    return Support.yes();
  }

  @Override
  public ActivationFormat format() {
    return ActivationFormat.STANDARD;
  }

  @Override
  public Set<Capability> capabilities() {
    return here.capabilities();
  }

  /// The host finishes last: its sum is written when the device's rows are there.
  @Override
  public boolean supportsOutputAlias(Problem problem) {
    return here.supportsOutputAlias(problem);
  }

  @Override
  public TopKWeightAndReduce weightAndReduce() {
    return here.weightAndReduce();
  }

  @Override
  public List<ExpertSide> sides(MoeLayer layer) {
    List<ExpertSide> sides = new ArrayList<>();
    double share = device == null ? 0 : device.share();
    if (device != null) {
      sides.add(side("device", device.layer(), share));
    }
    sides.add(side("host", layer, 1 - share));
    return List.copyOf(sides);
  }

  private static ExpertSide side(String name, MoeLayer layer, double share) {
    List<Mlp> experts = layer.experts().local();
    return new ExpertSide(
        name, experts.size(), experts.stream().mapToLong(Mlp::bytes).sum(), share);
  }

  @Override
  public List<Integer> pathLimits() {
    SortedSet<Integer> limits = new TreeSet<>(here.pathLimits());
    if (streaming != null && streaming.fromTokens() > 1) {
      limits.add(streaming.fromTokens() - 1);
    }
    return List.copyOf(limits);
  }

  @Override
  public Shape outputShape(Problem problem) {
    return here.outputShape(problem);
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    List<Workspace> workspaces = new ArrayList<>();
    if (streams(problem)) {
      workspaces.add(Workspace.floats(STREAMED_ROWS, problem.tokens(), problem.hidden()));
      workspaces.add(Workspace.ints(STREAMED_IDS, problem.tokens(), 1));
    } else {
      workspaces.addAll(here.workspaces(problem));
    }
    if (device != null) {
      workspaces.add(Workspace.floats(DEVICE_ROWS, problem.tokens(), problem.hidden()));
    }
    return workspaces;
  }

  @Override
  public List<Operation> operations(Problem problem, ExpertInput input) {
    List<Operation> operations =
        new ArrayList<>(streams(problem) ? streamed(input) : here.operations(problem, input));
    if (device == null) {
      return operations;
    }
    ReduceOperation.Finishing last = (ReduceOperation.Finishing) operations.removeLast();
    operations.add(
        new OffloadOperation.Await(input.rows(), input.ids(), input.weights(), DEVICE_ROWS));
    operations.add(last.adding(DEVICE_ROWS));
    return operations;
  }

  private static List<Operation> streamed(ExpertInput input) {
    return List.of(
        new OffloadOperation.Stream(
            input.rows(), input.ids(), input.weights(), STREAMED_ROWS, STREAMED_IDS),
        new ReduceOperation.Reduce(
            STREAMED_ROWS, STREAMED_IDS, null, List.of(), Operand.FUSED_OUT));
  }
}
