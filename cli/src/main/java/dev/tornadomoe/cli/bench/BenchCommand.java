package dev.tornadomoe.cli.bench;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.io.WholeFile;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.cli.console.JsonOutput;
import dev.tornadomoe.cli.console.LoadingBar;
import dev.tornadomoe.cli.console.Machine;
import dev.tornadomoe.cli.console.Wrapped;
import dev.tornadomoe.cli.parallel.ParallelChoices;
import dev.tornadomoe.cli.parallel.PlanChoices;
import dev.tornadomoe.cli.parallel.ProcessGroup;
import dev.tornadomoe.cli.parallel.TailChoices;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `moe bench`.
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    description = {
      "Measures steps through all layers: time per MoE layer with and without the output alias, the"
          + " rate at which weights are read, and beside it what the memory reaches by itself in"
          + " the same run."
    },
    footer = {
      "",
      MeasuredLayers.PRESETS,
      "",
      "Examples:",
      "  moe bench --preset qwen3-30b-a3b --tokens 1,16,256",
      "  moe bench --preset mixtral-8x7b --layers 1 --experts-only --json",
      "  moe bench checkpoint --layers 4 --html report.html",
      "  moe bench --preset qwen3-30b-a3b --tokens 1,16 --tail 1e-6",
      "  mpirun -n 2 moe bench --preset qwen3-30b-a3b --parallel ep"
    })
public final class BenchCommand implements Callable<Integer> {
  @Mixin private MeasuredLayers measured = new MeasuredLayers();

  @Mixin private PlanChoices choices = new PlanChoices();

  @Mixin private TailChoices tail = new TailChoices();

  @Mixin private ParallelChoices parallel = new ParallelChoices();

  @Option(
      names = "--alias",
      paramLabel = "on|off|both|require",
      defaultValue = "both",
      description = "What to measure (default: ${DEFAULT-VALUE}).")
  private String alias = "both";

  @Option(
      names = "--experts-only",
      description =
          "Leaves router and shared experts out: random ids and weights are given, the same to"
              + " every layer, as the peers' figures do.")
  private boolean expertsOnly;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      defaultValue = "2",
      description =
          "How long to measure each token count, and to warm up before; up to 15 times as long"
              + " until kernels are compiled and times are steady (default: ${DEFAULT-VALUE}).")
  private double seconds = 2;

  @Option(names = "--json", description = "Prints one JSON object.")
  private boolean json;

  @Option(
      names = "--html",
      paramLabel = "FILE",
      description =
          "Writes a page with machine, charts, table and the plan's picture, one file that needs no"
              + " other.")
  private @Nullable Path html;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    return parallel.run(spec, choices, this::bench);
  }

  private int bench(ProcessGroup processes) {
    processes.together(() -> requireSensible(processes));
    measured.measure(
        processes,
        (name, ofModel) -> {
          List<MoeLayer> layers =
              expertsOnly ? ofModel.stream().map(BenchCommand::expertsAlone).toList() : ofModel;
          if (processes.ranks() == null) {
            measure(processes, name, layers);
          } else {
            measureTogether(processes, name, layers);
          }
        });
    return ExitCode.FINE;
  }

  /// A layer of all experts that have weights, with rows of their size.
  private static MoeLayer expertsAlone(MoeLayer layer) {
    return new MoeLayer(
        layer.index(),
        layer.topK(),
        null,
        ExpertWeights.of(layer.experts().local(), layer.experts().activation()),
        null,
        layer.routerWeightOnInput());
  }

  private void measureTogether(ProcessGroup processes, String name, List<MoeLayer> layers) {
    Backend backend = processes.together(choices::backend);
    // Finalize of several ranks never aliases: both modes are one.
    MoePlan plan = processes.together(() -> plan(processes, backend, layers, modes().getFirst()));
    processes.agree(measured.directory(), plan, layers);
    BenchTable table =
        new BenchTable(
            name, layers, backend.devices().getFirst(), choices.precision(), expertsOnly);
    new ParallelBench(processes, expertsOnly, seconds, json)
        .run(table, layers, backend, plan, measured.tokens());
  }

  private boolean requireSensible(ProcessGroup processes) {
    measured.requireSensible();
    if (tail.isGiven() && processes.ranks() != null) {
      throw new LayerException("--deferred and --tail can't be measured with --parallel");
    }
    if (html != null && processes.ranks() != null) {
      throw new LayerException("--html can't be had with --parallel");
    }
    if (html != null) {
      WholeFile.requirePlace(html);
    }
    if (!(seconds > 0)) {
      throw new LayerException("--seconds must be positive, found " + seconds);
    }
    return true;
  }

  private List<AliasMode> modes() {
    return switch (alias.toLowerCase(Locale.ROOT)) {
      case "both" -> List.of(AliasMode.AUTO, AliasMode.OFF);
      case "on" -> List.of(AliasMode.AUTO);
      case "off" -> List.of(AliasMode.OFF);
      case "require" -> List.of(AliasMode.REQUIRE);
      default ->
          throw new LayerException("--alias must be on, off, both or require, found " + alias);
    };
  }

  private MoePlan plan(
      ProcessGroup processes, Backend backend, List<MoeLayer> layers, AliasMode mode) {
    int most = measured.tokens().stream().mapToInt(m -> m).max().orElse(1);
    List<MoeLayer> parts = layers.stream().map(processes::part).toList();
    Planner.Builder planner =
        choices
            .planner(mode, backend, parts, processes)
            .callerRoutes(expertsOnly)
            .maxTokens(processes.mostTokens(most))
            .wholeStep(true);
    tail.applyTo(planner, tail.residual());
    return choices.plan(planner, backend, layers, processes, modes().size());
  }

  private void measure(ProcessGroup processes, String name, List<MoeLayer> layers) {
    PrintWriter err = spec.commandLine().getErr();
    Backend backend = choices.backend();
    List<MoePlan> plans =
        modes().stream().map(mode -> plan(processes, backend, layers, mode)).toList();
    List<BenchResult> results = new ArrayList<>();
    List<Session> sessions = new ArrayList<>();
    try {
      sessions.add(
          LoadingBar.prepare(backend, plans.getFirst(), "making and loading weights", err));
      for (MoePlan plan : plans.subList(1, plans.size())) {
        sessions.add(sessions.getFirst().fork(plan));
      }
      BenchRunner runner = new BenchRunner(sessions, layers, expertsOnly, seconds, err);
      BenchTable table =
          new BenchTable(
              name, layers, backend.devices().getFirst(), choices.precision(), expertsOnly);
      if (!json) {
        table.printHeading(spec.commandLine().getOut());
      }
      for (int m : measured.tokens()) {
        List<BenchResult> point = runner.run(m);
        if (!json) {
          if (results.isEmpty()) {
            table.printColumns(spec.commandLine().getOut(), point);
          }
          table.print(spec.commandLine().getOut(), point);
        }
        results.addAll(point);
      }
      if (!json) {
        BenchTable.printParts(spec.commandLine().getOut(), results);
      }
      CoreUse coreUse = runner.coreUse();
      if (!json && coreUse != null) {
        spec.commandLine().getOut().println(BenchTable.text(coreUse));
      }
      @Nullable String launches = sessions.getFirst().launches().orElse(null);
      if (!json && launches != null) {
        spec.commandLine().getOut().println("launches: " + launches);
      }
      @Nullable String remark = plans.getFirst().modularMoe(0).experts().remark().orElse(null);
      if (!json && remark != null) {
        Wrapped.lines("", remark).forEach(spec.commandLine().getOut()::println);
      }
      Map<String, Object> figures = json(table, layers, coreUse, launches, remark, results);
      if (json) {
        spec.commandLine().getOut().println(JsonOutput.of(figures));
      }
      if (html != null) {
        WholeFile.writeText(
            html,
            BenchReport.render(
                table, plans.getFirst(), results, coreUse, launches, command(), figures));
        err.println("wrote " + html);
      }
    } finally {
      sessions.forEach(Session::close);
    }
  }

  private List<String> arguments() {
    return spec.root().commandLine().getParseResult().originalArgs();
  }

  /// As it was typed.
  private String command() {
    return "moe " + String.join(" ", arguments());
  }

  private Map<String, Object> json(
      BenchTable table,
      List<MoeLayer> layers,
      @Nullable CoreUse coreUse,
      @Nullable String launches,
      @Nullable String remark,
      List<BenchResult> results) {
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("device", table.device());
    root.put("machine", Machine.describe());
    root.put("preset", table.name());
    root.put("layers", layers.size());
    root.put("experts_only", table.expertsOnly());
    root.put("output", tail.output());
    root.put("tail", tail.epsilon());
    root.put("precision", choices.precision().toString());
    root.put("threads", coreUse == null ? null : coreUse.threads());
    root.put("cores", coreUse == null ? null : coreUse.cores());
    root.put("launches", launches);
    root.put("remark", remark);
    root.put("results", results.stream().map(BenchResult::json).toList());
    return root;
  }
}
