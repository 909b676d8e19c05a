@device
Feature: Telemetry
  What a device gathers leaves it for where its user says and nowhere else, and the WFM has nothing to do with it.

  @req:OBS-13 @req:OBS-01 @req:OBS-07 @feature:hosting @needs:configure
  Scenario: Telemetry goes where the user says, and only as long as the user wants it
    Given a back end for telemetry that the device was not told of
    And the device runs "primary" release 1
    When the user has telemetry go to that back end
    Then telemetry arrives there
    When the user wants no more of it
    Then none arrived before the user asked for it, and none arrives after
    And the device leaves "primary" alone

  @behaviour:RS-03 @req:OBS-13 @feature:hosting @needs:configure
  Scenario: Status reaches the WFM while the path of telemetry is closed
    Given a back end for telemetry that the device was not told of
    And the device runs "primary" release 1
    When the user has telemetry go to that back end
    Then telemetry arrives there
    When nothing gets through to the back end any more
    And the WFM publishes "primary" release 2
    Then the device installs "primary" release 2 and reports it all the same
    When telemetry gets through again
    Then the device leaves "primary" alone

  @behaviour:RS-03 @req:OBS-13 @feature:hosting @needs:configure @needs:network
  Scenario: Telemetry flows while the WFM cannot be reached
    Given a back end for telemetry that the device was not told of
    And the device runs "primary" release 1
    When the user has telemetry go to that back end
    Then telemetry arrives there
    When the network to the WFM is cut for a while
    Then telemetry went on to flow meanwhile
    And the device leaves "primary" alone
