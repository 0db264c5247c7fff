package dev.tornadomoe.cli;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.cli.console.LoadingBar;
import dev.tornadomoe.cli.parallel.PlanChoices;
import dev.tornadomoe.cli.parallel.ProcessGroup;
import dev.tornadomoe.cli.parallel.TailChoices;
import dev.tornadomoe.cli.parallel.TokenExtras;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Runs a checkpoint's layers and compares: with its `golden.safetensors` where there is one, else
/// with the reference backend on made-up inputs.
///
/// @param choices what plans and runs it
/// @param tail how layers end
/// @param alias whether `fused_out` may be the output
/// @param sanitize whether every run is checked for breaches
/// @param processes the process or processes that run it
record Verification(
    PlanChoices choices,
    TailChoices tail,
    AliasMode alias,
    boolean sanitize,
    ProcessGroup processes) {

  /// Checked.
  ///
  /// @throws LayerException for another end than an output where several processes have parts of it
  Verification {
    if (tail.isGiven() && processes.ranks() != null) {
      throw new LayerException("--deferred and --tail can't be verified with --parallel");
    }
  }

  /// All cases of one checkpoint.
  ///
  /// @throws dev.tornadomoe.MoeException when it can't be used
  List<Comparison> run(Path directory) {
    Backend backend = choices.backend();
    try (Checkpoint checkpoint = processes.together(() -> Checkpoint.open(directory))) {
      MoeModel model = processes.together(() -> MoeModel.of(checkpoint));
      Path golden = checkpoint.directory().resolve("golden.safetensors");
      List<Comparison> cases =
          new ArrayList<>(run(backend, new Stack(directory, null, model), golden));
      for (String part : processes.together(() -> partsIn(golden))) {
        MoeModel other = processes.together(() -> model.part(part));
        cases.addAll(run(backend, new Stack(directory, part, other), golden));
      }
      return cases;
    }
  }

  /// The parts that a golden file has cases of. Many checkpoints lack what a part of their model
  /// needs, so none is asked about that is not meant.
  private static List<String> partsIn(Path golden) {
    if (!Files.exists(golden, LinkOption.NOFOLLOW_LINKS)) {
      return List.of();
    }
    try (TensorFile file = TensorFile.open(golden)) {
      return Reference.partsIn(file);
    }
  }

  /// One of a checkpoint's stacks of MoE layers.
  ///
  /// @param part its name, or null where it is the model itself
  private record Stack(Path directory, @Nullable String part, MoeModel model) {

    /// The golden file's cases of it. It has some of the model itself.
    TreeMap<Integer, List<Reference>> golden(TensorFile file) {
      return part == null
          ? Reference.golden(file, model::parts, model::layer)
          : Reference.golden(file, part + "/", model::layer);
    }

    /// As a message begins with it.
    @Override
    public String toString() {
      return part == null ? directory.toString() : directory + ", part " + part;
    }
  }

  private List<Comparison> run(Backend backend, Stack stack, Path golden) {
    List<Comparison> cases = new ArrayList<>();
    for (Map.Entry<Integer, List<Reference>> layer :
        processes.together(() -> references(stack, golden)).entrySet()) {
      cases.addAll(run(backend, stack, layer.getKey(), layer.getValue()));
    }
    return cases;
  }

  private TreeMap<Integer, List<Reference>> references(Stack stack, Path golden) {
    if (Files.exists(golden, LinkOption.NOFOLLOW_LINKS)) {
      try (TensorFile file = TensorFile.open(golden)) {
        return stack.golden(file);
      }
    }
    MoeModel model = stack.model();
    if (model.layerIndices().isEmpty()) {
      throw new LayerException(
          String.format(Locale.ROOT, "%s: the model has no MoE layers", stack));
    }
    int first = model.layerIndices().getFirst();
    processes
        .err()
        .println(
            String.format(
                Locale.ROOT,
                "%s: no golden.safetensors, comparing layer %d with the reference backend",
                stack,
                first));
    TreeMap<Integer, List<Reference>> madeUp = new TreeMap<>();
    madeUp.put(first, Reference.madeUp(model.layer(first)));
    return madeUp;
  }

  private List<Comparison> run(
      Backend backend, Stack stack, int layerIndex, List<Reference> references) {
    int most = references.stream().mapToInt(Reference::tokens).max().orElse(1);
    MoeLayer layer = processes.together(() -> stack.model().layer(layerIndex));
    MoePlan plan =
        processes.together(() -> {
          MoeLayer part = processes.part(layer);
          Planner.Builder planner = choices.planner(alias, backend, List.of(part), processes);
          tail.applyTo(planner, tail.residual());
          planner.maxTokens(Math.max(1, most)).sanitize(sanitize);
          return choices.plan(planner, backend, List.of(layer), processes, sanitize ? 2 : 1);
        });
    processes.agree(stack.directory(), plan, List.of(layer));
    List<Comparison> cases = new ArrayList<>();
    try (Session session =
        processes.together(() ->
            LoadingBar.prepare(backend, plan, "loading layer " + layerIndex, processes.err()))) {
      for (Reference reference : references) {
        Comparison.Deviation error = error(stack, layer, session, reference);
        cases.add(
            new Comparison(
                stack.directory().toString(),
                stack.part(),
                layerIndex,
                reference.tokens(),
                backend.name(),
                choices.precision(),
                plan.bucket(reference.tokens()).decisions().getFirst().aliased(),
                reference.source(),
                Tolerance.of(choices.precision(), processes.dispatch()),
                error));
      }
    }
    return cases;
  }

  private Comparison.Deviation error(
      Stack stack, MoeLayer layer, Session session, Reference reference) {
    try {
      if (tail.isGiven()) {
        return EndOfLayer.error(session, reference);
      }
      TokenExtras extras = reference.extras().copy();
      float[] output = processes.run(session, reference.input(), reference.tokens(), extras);
      return reference.deviation(output, extras);
    } catch (SanitizeException e) {
      if (processes.ranks() != null) {
        throw e; // the others are in the middle of it
      }
      processes
          .err()
          .println(
              String.format(
                  Locale.ROOT,
                  "%s: layer %d, %d tokens: %s",
                  stack,
                  layer.index(),
                  reference.tokens(),
                  e.getMessage()));
      return Comparison.Deviation.NONE;
    }
  }
}
