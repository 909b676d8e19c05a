@device
Feature: Networks
  Plants have firewalls, proxies and bad lines. A device works from behind them, and trusts nobody in between.

  @behaviour:NW-01 @req:DS-072 @req:DS-073
  Scenario: Nobody connects to the device, and everything works
    Given a device that is managed by the WFM
    When the WFM publishes "primary" release 1
    Then the device installs "primary" and reports it
    When the WFM withdraws "primary"
    Then the device removes "primary" and reports it
    And all of "primary" was done by the device's own requests alone

  @behaviour:NW-02 @req:DS-072 @needs:configure
  Scenario: A forward proxy that the user names is used as the supplier declares
    Given the device runs "primary" release 1
    When the user tells the device to use a forward proxy
    And the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
    And the proxy was used as the supplier declares

  @behaviour:NW-03 @req:ID-25 @req:API-004 @needs:network
  Scenario: A proxy that looks into connections is not talked to
    Given the device runs "primary" release 1
    When the WFM comes with a credential that is of an authority that nobody trusts
    Then the device does not talk to it, since its certificates are not valid
    When the WFM comes with its own credential again
    Then the device talks to it
    And the device leaves "primary" alone

  @behaviour:NW-04 @req:DS-039 @needs:network
  Scenario Outline: A network whose <badness> delays the device and nothing more
    Given the device runs "primary" release 1
    When the network is such that <badness>
    And the WFM publishes "primary" release 2
    Then the newest release of "primary" arrives whole
    When its connections are well again
    Then the device leaves "primary" alone

    Examples:
      | badness                       |
      | answers come late             |
      | every third connection breaks |
      | answers break off half-way    |
      | every piece is slow           |
      | little passes at a time       |
      | bytes are damaged on the way  |
