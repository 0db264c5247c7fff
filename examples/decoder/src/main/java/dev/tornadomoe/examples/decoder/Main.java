package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.checkpoint.Checkpoint;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
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

/// The command on one backend: exit code 0 when all is well, 2 for wrong usage or input.
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    description = "Goes on with a prompt, by a Qwen3-MoE model.")
public final class Main implements Callable<Integer> {
  private enum Switch {
    ON,
    OFF
  }

  @Spec private CommandSpec spec = CommandSpec.create();

  @Parameters(arity = "0..1", description = "A model as Hugging Face lays it out.")
  private @Nullable Path directory;

  @Option(names = "--prompt", description = "What the model goes on with.")
  private @Nullable String prompt;

  @Option(names = "--prompt-ids", split = ",", description = "The same as tokens.")
  private int @Nullable [] promptIds;

  @Option(names = "--tokens", description = "At most so many.")
  private int tokens = 64;

  @Option(names = "--backend", description = "cpu, unless told tornado.")
  private @Nullable String backend;

  @Option(names = "--alias", description = "off: the experts' output is copied.")
  private Switch alias = Switch.ON;

  @Option(names = "--chunk", description = "Tokens of a prompt that are computed at once.")
  private int chunk = 256;

  @Option(names = "--temperature", description = "0: always the most likely token.")
  private double temperature;

  @Option(names = "--top-p", description = "Of the likeliest tokens with this probability.")
  private double topP = 1;

  @Option(names = "--seed", description = "Of the sampling.")
  private long seed;

  @Option(names = "--made-up", description = "Random weights of a model's size: qwen3-30b-a3b.")
  private @Nullable String madeUp;

  @Option(names = "--layers", description = "Of a made-up model; 0 for all.")
  private int layers;

  @Option(names = "--profile", description = "Also says how long each part of a step takes.")
  private boolean profile;

  private final String known;
  private final BiFunction<DecoderModel, Decoder.Options, Decoder> loader;

  private Main(String known, BiFunction<DecoderModel, Decoder.Options, Decoder> loader) {
    this.known = known;
    this.loader = loader;
  }

  /// The command on one backend.
  ///
  /// @param known its name
  /// @param loader loads a model
  public static CommandLine command(
      String known, BiFunction<DecoderModel, Decoder.Options, Decoder> loader) {
    return new CommandLine(new Main(known, loader))
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler((e, parsed) -> refuse(e, e.getCommandLine()))
        .setExecutionExceptionHandler((e, command, parsed) -> refuse(e, command));
  }

  /// One sentence for whoever can mend it; everything else is a defect.
  private static int refuse(Exception e, CommandLine command) throws Exception {
    if (e instanceof MoeException || e instanceof CommandLine.ParameterException) {
      command.getErr().println("decoder: " + e.getMessage());
      return CommandLine.ExitCode.USAGE;
    }
    throw e;
  }

  /// Runs the command on the CPU and exits.
  public static void main(String[] arguments) {
    System.exit(command("cpu", CpuDecoder::new).execute(arguments));
  }

  @Override
  public Integer call() {
    require(tokens >= 1 && chunk >= 1, "--tokens and --chunk must be 1 or more");
    require(
        temperature >= 0 && topP > 0 && topP <= 1,
        "--temperature must be 0 or more, and --top-p above 0 and at most 1");
    require(
        backend == null || backend.equals(known),
        "--backend must be cpu, or tornado for examples/decoder/run, found " + backend);
    require(madeUp != null || layers == 0, "--layers is for --made-up");
    require(directory == null || madeUp == null, "--made-up has its own model");
    require(prompt == null || promptIds == null, "give --prompt or --prompt-ids, not both");
    try (Checkpoint checkpoint = directory == null ? null : Checkpoint.open(directory);
        Text text = new Text(directory)) {
      generate(model(checkpoint), text);
    }
    return CommandLine.ExitCode.OK;
  }

  private DecoderModel model(@Nullable Checkpoint checkpoint) {
    if (checkpoint != null) {
      return DecoderModel.of(checkpoint);
    }
    if (madeUp != null) {
      return MadeUpModel.named(madeUp, layers);
    }
    throw new DecoderException("no model: give its directory, or --made-up");
  }

  private int[] promptIds(DecoderConfig config, Text text) {
    if (promptIds != null) {
      return promptIds;
    }
    if (prompt != null) {
      return text.encode(prompt);
    }
    require(madeUp != null, "give a prompt, as --prompt or as --prompt-ids");
    return IntStream.range(0, 256).map(i -> i * 7919 % config.vocabulary()).toArray();
  }

  private void generate(DecoderModel model, Text text) {
    DecoderConfig config = model.config();
    int[] ids = promptIds(config, text);
    require(ids.length > 0, "there are no tokens to go on with");
    for (int id : ids) {
      require(
          id >= 0 && id < config.vocabulary(),
          "token " + id + " is not in the vocabulary, expected 0 to " + (config.vocabulary() - 1));
    }
    require(
        ids.length <= config.positions() - tokens,
        "prompt and --tokens are more than the model's " + config.positions() + " positions");
    try (Decoder decoder = load(model, ids.length + tokens)) {
      Sampler sampler = new Sampler(temperature, topP, seed);
      CommandLine command = spec.commandLine();
      Generation generation =
          new Generation(decoder, sampler, text, command.getOut(), command.getErr());
      CompletableFuture<?> done = interruptOnCtrlC();
      try {
        generation.run(ids, tokens);
      } finally {
        done.complete(null);
      }
      if (profile) {
        generation.profile();
      }
    }
  }

  /// Ctrl-C interrupts this thread, and the JVM ends when it is done, or after a while.
  private static CompletableFuture<?> interruptOnCtrlC() {
    Thread worker = Thread.currentThread();
    CompletableFuture<?> done = new CompletableFuture<>();
    Thread hook =
        new Thread(() -> {
          worker.interrupt();
          done.completeOnTimeout(null, 10, TimeUnit.SECONDS).join();
        });
    Runtime.getRuntime().addShutdownHook(hook);
    return done;
  }

  private Decoder load(DecoderModel model, int positions) {
    ProgressBarBuilder builder =
        new ProgressBarBuilder()
            .setTaskName("loading experts")
            .setUnit(" MiB", 1 << 20)
            .setStyle(ProgressBarStyle.ASCII)
            .setConsumer(new ConsoleProgressBarConsumer(System.err));
    try (ProgressBar bar = builder.build()) {
      Progress progress = (done, total) -> bar.maxHint(total).stepTo(done);
      boolean aliased = alias == Switch.ON;
      return loader.apply(model, new Decoder.Options(positions, chunk, aliased, progress));
    }
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new DecoderException(otherwise);
    }
  }
}
