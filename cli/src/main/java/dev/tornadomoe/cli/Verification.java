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
    List<Comparison> cases = new ArrayList<>();
    try (Checkpoint checkpoint = processes.together(() -> Checkpoint.open(directory))) {
      MoeModel model = processes.together(() -> MoeModel.of(checkpoint));
      Path golden = checkpoint.directory().resolve("golden.safetensors");
      for (Map.Entry<Integer, List<Reference>> layer :
          processes.together(() -> references(directory, golden, model)).entrySet()) {
        cases.addAll(run(directory, backend, model, layer.getKey(), layer.getValue()));
      }
    }
    return cases;
  }

  private TreeMap<Integer, List<Reference>> references(
      Path directory, Path golden, MoeModel model) {
    if (Files.exists(golden, LinkOption.NOFOLLOW_LINKS)) {
      try (TensorFile file = TensorFile.open(golden)) {
        return Reference.golden(file, model::layer);
      }
    }
    if (model.layerIndices().isEmpty()) {
      throw new LayerException(
          String.format(Locale.ROOT, "%s: the model has no MoE layers", directory));
    }
    int first = model.layerIndices().getFirst();
    processes
        .err()
        .println(
            String.format(
                Locale.ROOT,
                "%s: no golden.safetensors, comparing layer %d with the reference backend",
                directory,
                first));
    TreeMap<Integer, List<Reference>> madeUp = new TreeMap<>();
    madeUp.put(first, Reference.madeUp(model.layer(first)));
    return madeUp;
  }

  private List<Comparison> run(
      Path directory, Backend backend, MoeModel model, int layerIndex, List<Reference> references) {
    int most = references.stream().mapToInt(Reference::tokens).max().orElse(1);
    MoeLayer layer = processes.together(() -> model.layer(layerIndex));
    MoePlan plan =
        processes.together(() -> {
          MoeLayer part = processes.part(layer);
          Planner.Builder planner = choices.planner(alias, backend, List.of(part), processes);
          tail.applyTo(planner, tail.residual());
          return planner.maxTokens(Math.max(1, most)).sanitize(sanitize).build().plan(part);
        });
    processes.agree(directory, plan, List.of(layer));
    List<Comparison> cases = new ArrayList<>();
    try (Session session =
        processes.together(() ->
            LoadingBar.prepare(backend, plan, "loading layer " + layerIndex, processes.err()))) {
      for (Reference reference : references) {
        Comparison.Deviation error = error(directory, layer, session, reference);
        cases.add(
            new Comparison(
                directory.toString(),
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
      Path directory, MoeLayer layer, Session session, Reference reference) {
    try {
      if (tail.isGiven()) {
        return EndOfLayer.error(session, reference);
      }
      float[] output =
          processes.run(session, reference.input(), reference.tokens(), reference.keys());
      return Comparison.Deviation.of(reference.output(), output);
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
                  directory,
                  layer.index(),
                  reference.tokens(),
                  e.getMessage()));
      return Comparison.Deviation.NONE;
    }
  }
}
