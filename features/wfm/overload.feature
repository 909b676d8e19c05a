@wfm
Feature: A WFM that is asked too much says when to come back
  Under load the WFM refuses what it cannot serve, says when to try again, and forgets nothing.

  @needs:load-limit @req:RTY-001 @req:RTY-003 @req:RTY-005 @req:PRB-06 @req:PT-012 @req:ERR-016 @req:ERR-015
  Scenario: Everything at once
    Given client A has asked for its manifest
    When the WFM can take no more requests
    And client A tries everything
    And the WFM has capacity again
    And client A asks for its manifest
    Then client A was told when to come back, and was served afterwards

  @needs:load-limit @req:RTY-001 @req:RTY-002 @req:RTY-005 @req:PRB-06 @req:PT-012
  Scenario: One client too often
    Given client A has asked for its manifest
    When the WFM takes but few requests of one client
    And client A tries everything
    And the WFM has capacity again
    And client A asks for its manifest
    Then client A was told when to come back, and was served afterwards

  @needs:load-limit @req:DC-040
  Scenario: What was refused for lack of capacity was not done
    Given client A has asked for its manifest
    And client A has reported device "press-2"
    When the WFM can take no more requests
    And client A tries to report device "press-1"
    And the WFM has capacity again
    And client A reports device "press-1"
    Then the WFM tells new devices from those it knows
