package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.MoeException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// The command: exit code 0 when all is well, 2 for wrong usage or input.
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    description = "Goes on with a prompt, by a Qwen3-MoE model.",
    footer = {
      "",
      "Examples:",
      "  run path/to/model --prompt \"Once upon a time\"",
      "  run path/to/model --prompt-ids 1,2,3 --backend tornado --alias off",
      "  run --made-up qwen3-30b-a3b --layers 4 --profile"
    })
public final class Main implements Callable<Integer> {
  private static final int WRONG_INPUT = 2;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Parameters(arity = "0..1", description = "A model as Hugging Face lays it out.")
  private @Nullable Path directory;

  @Option(names = "--prompt", description = "What the model goes on with.")
  private @Nullable String prompt;

  @Option(names = "--prompt-ids", split = ",", description = "The same as tokens.")
  private int @Nullable [] promptIds;

  @Option(names = "--tokens", defaultValue = "64", description = "At most so many.")
  private int tokens;

  @Option(names = "--backend", description = "cpu, unless told tornado.")
  private @Nullable String backend;

  @Option(
      names = "--alias",
      defaultValue = "on",
      description = "on or off: the experts' output is copied.")
  private String alias = "";

  @Option(
      names = "--chunk",
      defaultValue = "256",
      description = "Tokens of a prompt that go through the model at once.")
  private int chunk;

  @Option(
      names = "--temperature",
      defaultValue = "0",
      description = "0: always the most likely token.")
  private double temperature;

  @Option(
      names = "--top-p",
      defaultValue = "1",
      description = "Samples among the likeliest tokens that make up this probability.")
  private double topP;

  @Option(names = "--seed", defaultValue = "0", description = "Of the sampling.")
  private long seed;

  @Option(
      names = "--made-up",
      description = "Random weights of this model's size, and 256 tokens: qwen3-30b-a3b.")
  private @Nullable String madeUp;

  @Option(names = "--layers", defaultValue = "0", description = "With --made-up: 0 for all.")
  private int layers;

  @Option(names = "--profile", description = "Also says how long each part of a step takes.")
  private boolean profile;

  private final String known;
  private final Decoder.Loader loader;

  /// The command on one backend.
  ///
  /// @param known its name
  public Main(String known, Decoder.Loader loader) {
    this.known = known;
    this.loader = loader;
  }

  /// Runs the command on the CPU and exits.
  public static void main(String[] args) {
    System.exit(new Main("cpu", CpuDecoder::new).run(args));
  }

  /// Runs the command.
  ///
  /// @return the exit code
  public int run(String... args) {
    PrintWriter out = new PrintWriter(System.out, false, System.out.charset());
    PrintWriter err = new PrintWriter(System.err, true, System.err.charset());
    return run(out, err, args);
  }

  /// The same with other streams.
  int run(PrintWriter out, PrintWriter err, String... args) {
    return new CommandLine(this)
        .setOut(out)
        .setErr(err)
        .setExecutionExceptionHandler((e, command, parsed) -> {
          if (e instanceof MoeException) {
            err.println("decoder: " + e.getMessage());
            return WRONG_INPUT;
          }
          throw e;
        })
        .setParameterExceptionHandler((e, parsed) -> {
          err.println("decoder: " + e.getMessage());
          return WRONG_INPUT;
        })
        .execute(args);
  }

  @Override
  public Integer call() throws InterruptedException {
    require(tokens >= 1, "--tokens must be 1 or more, found " + tokens);
    require(chunk >= 1, "--chunk must be 1 or more, found " + chunk);
    require(temperature >= 0, "--temperature must be 0 or more, found " + temperature);
    require(topP > 0 && topP <= 1, "--top-p must be above 0 and at most 1, found " + topP);
    require(alias.matches("on|off"), "--alias must be on or off, found " + alias);
    require(
        backend == null || backend.equals(known),
        "--backend must be cpu, or tornado for examples/decoder/run, found " + backend);
    require(madeUp != null || layers == 0, "--layers is for --made-up");
    if (madeUp != null) {
      require(
          directory == null && prompt == null && promptIds == null,
          "--made-up has its own model and its own prompt");
      try (DecoderModel model = MadeUpModel.named(madeUp, layers).make()) {
        generate(model, Text.NUMBERS, MadeUpModel.prompt(model.config()));
      }
    } else if (directory != null) {
      try (DecoderModel model = DecoderModel.open(directory);
          Text text = Text.of(directory)) {
        generate(model, text, promptIds(text));
      }
    } else {
      throw new DecoderException("no model: give its directory, or --made-up");
    }
    return 0;
  }

  private void generate(DecoderModel model, Text text, int... ids) throws InterruptedException {
    model.config().requireTokens(ids);
    int positions = ids.length + tokens;
    if (positions > model.config().positions()) {
      throw new DecoderException(
          "the prompt has %d tokens, %d more are asked for, and the model has %d positions",
          ids.length, tokens, model.config().positions());
    }
    Sampler sampler =
        temperature == 0 ? Sampler.greedy() : Sampler.nucleus(temperature, topP, seed);
    try (Decoder decoder = load(model, positions)) {
      CommandLine command = spec.commandLine();
      Generation generation =
          new Generation(decoder, sampler, text, command.getOut(), command.getErr());
      try (CtrlC _ = new CtrlC()) {
        generation.run(ids, tokens);
      }
      if (profile) {
        generation.profile();
      }
    }
  }

  private int[] promptIds(Text text) {
    if (prompt != null && promptIds == null) {
      return text.encode(prompt);
    }
    if (prompt == null && promptIds != null) {
      return promptIds;
    }
    throw new DecoderException("give a prompt, as --prompt or as --prompt-ids");
  }

  private Decoder load(DecoderModel model, int positions) {
    PrintWriter err = spec.commandLine().getErr();
    DecoderOptions options =
        new DecoderOptions(positions, Math.min(chunk, positions), alias.equals("on"));
    ProgressBarBuilder builder =
        new ProgressBarBuilder()
            .setTaskName("loading experts")
            .setUnit(" MiB", 1 << 20)
            .setStyle(ProgressBarStyle.ASCII)
            .setConsumer(
                new DelegatingProgressBarConsumer(line -> {
                  err.print("\r" + line);
                  err.flush();
                }));
    try (ProgressBar bar = builder.build()) {
      return loader.load(model, options, (done, total) -> bar.maxHint(total).stepTo(done));
    } finally {
      err.println();
    }
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new DecoderException("%s", otherwise);
    }
  }
}
