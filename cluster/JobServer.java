import org.apache.beam.runners.flink.FlinkJobServerDriver;

/**
 * Beam's job server for a cluster that has its jars already.
 *
 * <p>It would send every jar of its class path with each job: 160 MB, a quarter of a minute.
 */
public final class JobServer {
  private JobServer() {}

  public static void main(String[] arguments) throws Exception {
    System.setProperty("java.class.path", "");
    FlinkJobServerDriver.main(arguments);
  }
}
